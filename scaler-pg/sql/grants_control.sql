-- Statements that give a control plane what it needs: it moves slots, counts items and audits their values, but changes
-- no item and no schema.
grant usage on schema {schema} to {role};
grant usage on schema {group} to {role};
grant select on {group}.meta, {group}.slot, {group}.leader, {group}.migration, {group}.member, {group}.member_retired to {role};
grant update (owner, incarnation, epoch, term, moved_at, cause) on {group}.slot to {role};
grant update (term, holder, expires_at, lease, deaf_since, elected_at) on {group}.leader to {role};
grant update (ahead_ms) on {group}.meta to {role};
grant {control_rights} on {table} to {role};
grant execute on function {group}.clock, {group}.slot_of, {group}.installation to {role};
grant execute on function {group}.sweep, {group}.retire, {group}.wake_up, {group}.wake_ups to {role};
grant select, insert, update, delete on {group}.wish to {role};
grant select, insert, delete on {group}.event to {role};
grant select, insert, update on {group}.view to {role};
