-- What this role, or this user, lacks of what a control plane needs that does not install.
with me(role) as (
    select coalesce($1::name, current_user)
)
select what from me, lateral (values
    ('usage on schema public', has_schema_privilege(role, 'public', 'usage')),
    ('select on scaler.meta', has_table_privilege(role, 'scaler.meta', 'select')),
    -- A schema of an older version lacks the column: it is told apart from this.
    ('update on scaler.meta (ahead_ms)', coalesce((
        select has_column_privilege(role, a.attrelid, a.attnum, 'update') from pg_attribute a
        where a.attrelid = 'scaler.meta'::regclass and a.attname = 'ahead_ms'), true)),
    ('select on scaler.migration', has_table_privilege(role, 'scaler.migration', 'select')),
    ('select on scaler.leader', has_table_privilege(role, 'scaler.leader', 'select')),
    ('update on scaler.leader', has_column_privilege(role, 'scaler.leader', 'term', 'update')
                                and has_column_privilege(role, 'scaler.leader', 'holder', 'update')
                                and has_column_privilege(role, 'scaler.leader', 'expires_at', 'update')
                                -- A schema of an older version lacks these: it is told apart from this.
                                and coalesce((select bool_and(has_column_privilege(role, a.attrelid, a.attnum, 'update'))
                                    from pg_attribute a where a.attrelid = 'scaler.leader'::regclass
                                    and a.attname in ('lease', 'deaf_since', 'elected_at')), true)),
    ('execute on scaler.installation',
     coalesce(has_function_privilege(role, to_regprocedure('scaler.installation()'), 'execute'), true)),
    ('select on scaler.slot', has_table_privilege(role, 'scaler.slot', 'select')),
    ('update on scaler.slot', (select bool_and(has_column_privilege(role, 'scaler.slot', changed, 'update'))
                               from unnest(array['owner', 'incarnation', 'epoch', 'term', 'moved_at']) as changed)),
    ('select on public.work_items (id)', has_column_privilege(role, 'public.work_items', 'id', 'select'))
) as needed(what, granted)
where not granted
