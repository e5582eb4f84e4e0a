-- Statements that give a worker what its statements need: neither owner nor epoch of a slot, and of an item only what a tick changes.
-- Who may update one column may lock the row.
grant usage on schema {schema} to {role};
grant usage on schema {group} to {role};
grant select on {group}.meta, {group}.slot to {role};
grant update (last_tick, ticks) on {group}.slot to {role};
grant select ({key}, value, currentworker), update (value, currentworker) on {table} to {role};
grant execute on function {group}.clock(), {group}.slot_of({key_type}), {group}.adopt(text, uuid), {group}.installation() to {role};
grant execute on function {group}.claim_orphans(text, uuid, bigint, bigint) to {role};
grant execute on function {group}.holdings(text, uuid, integer, integer) to {role};
grant execute on function {group}.acknowledge(text, uuid, integer[], bigint[]) to {role};
grant execute on function {group}.increment(text, integer[], bigint, {key_type}[]) to {role};
grant execute on function {group}.increment_part(text, {key_type}[], timestamptz) to {role};
grant execute on function {group}.tick_part(text, bigint, integer[], {key_type}[], timestamptz) to {role};
grant execute on function {group}.tick_around(text, uuid, integer, integer, {key_type}[], {key_type}[]) to {role};
grant execute on function {group}.try_to_write(text, uuid) to {role};
grant execute on function {group}.heartbeat(text, uuid, uuid, text, text), {group}.leave(text, uuid), {group}.wake_ups() to {role};
