-- Statements that let a worker execute the tick, and nothing else: no table is within its reach.
grant usage on schema {schema} to {role};
grant usage on schema {group} to {role};
grant execute on function {group}.tick to {role};
grant execute on function {group}.tick_around_as_owner to {role};
grant execute on function {group}.try_to_write_as_owner to {role};
grant execute on function {group}.items to {role};
grant execute on function {group}.adopt, {group}.installation to {role};
grant execute on function {group}.claim_orphans, {group}.holdings, {group}.acknowledge to {role};
grant execute on function {group}.heartbeat, {group}.leave, {group}.wake_ups to {role};
