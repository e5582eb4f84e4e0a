-- Whether this user may run the tick's own statement; if not, there is a function that does it for those who may execute it.
-- Where something is missing yet, the statement is the one that says so.
select coalesce(has_any_column_privilege(to_regclass({table_text})::oid, {worker_right})
                and has_any_column_privilege(to_regclass('{group}.slot')::oid, 'update'), true)
