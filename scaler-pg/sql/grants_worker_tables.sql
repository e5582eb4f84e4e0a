-- Statements that give a worker what its statements need: neither owner nor epoch of a slot, and of an item only what a tick changes.
-- Who may update one column may lock the row.
grant usage on schema {schema} to {role};
grant usage on schema {group} to {role};
grant select on {group}.meta, {group}.slot to {role};
grant update (last_tick, ticks) on {group}.slot to {role};
grant {worker_rights} on {table} to {role};
grant execute on function {group}.clock, {group}.slot_of, {group}.adopt, {group}.installation to {role};
grant execute on function {group}.claim_orphans, {group}.holdings, {group}.acknowledge to {role};
grant execute on function {group}.increment to {role};
grant execute on function {group}.increment_part to {role};
grant execute on function {group}.tick_part to {role};
grant execute on function {group}.tick_around to {role};
grant execute on function {group}.try_to_write to {role};
grant execute on function {group}.heartbeat, {group}.leave, {group}.wake_ups to {role};
