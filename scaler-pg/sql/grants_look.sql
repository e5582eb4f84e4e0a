-- Statements that let a role look at everything and change nothing.
grant usage on schema {schema} to {role};
grant usage on schema {group} to {role};
grant select on {group}.meta, {group}.slot, {group}.leader, {group}.migration, {group}.member, {group}.member_retired to {role};
grant {look_rights} on {table} to {role};
grant execute on function {group}.clock, {group}.slot_of to {role};
grant select on {group}.wish, {group}.event, {group}.view to {role};
