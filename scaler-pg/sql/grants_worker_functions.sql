-- Statements that let a worker execute the tick, and nothing else: no table is within its reach.
grant usage on schema {schema} to {role};
grant usage on schema {group} to {role};
grant execute on function {group}.tick(text, uuid, integer, integer, bigint[], {key_type}[]) to {role};
grant execute on function {group}.tick_around_as_owner(text, uuid, integer, integer, {key_type}[], {key_type}[]) to {role};
grant execute on function {group}.try_to_write_as_owner(text, uuid) to {role};
grant execute on function {group}.items(text, uuid, integer, integer) to {role};
grant execute on function {group}.adopt(text, uuid), {group}.installation() to {role};
grant execute on function {group}.claim_orphans(text, uuid, bigint, bigint) to {role};
grant execute on function {group}.holdings(text, uuid, integer, integer) to {role};
grant execute on function {group}.acknowledge(text, uuid, integer[], bigint[]) to {role};
grant execute on function {group}.heartbeat(text, uuid, uuid, text, text), {group}.leave(text, uuid), {group}.wake_ups() to {role};
