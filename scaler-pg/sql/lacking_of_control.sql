-- What this role, or this user, lacks of what a control plane needs that does not install.
with me(role) as (
    select coalesce($1::name, current_user)
)
select what from me, lateral (values
    ('usage on schema ' || {schema_name}, has_schema_privilege(role, {schema_name}, 'usage')),
    ('select on {group}.meta', has_table_privilege(role, '{group}.meta', 'select')),
    -- A schema of an older version lacks the column: it is told apart from this.
    ('update on {group}.meta (ahead_ms)', coalesce((
        select has_column_privilege(role, a.attrelid, a.attnum, 'update') from pg_attribute a
        where a.attrelid = '{group}.meta'::regclass and a.attname = 'ahead_ms'), true)),
    ('select on {group}.migration', has_table_privilege(role, '{group}.migration', 'select')),
    ('select on {group}.leader', has_table_privilege(role, '{group}.leader', 'select')),
    ('update on {group}.leader', has_column_privilege(role, '{group}.leader', 'term', 'update')
                                and has_column_privilege(role, '{group}.leader', 'holder', 'update')
                                and has_column_privilege(role, '{group}.leader', 'expires_at', 'update')
                                -- A schema of an older version lacks these: it is told apart from this.
                                and coalesce((select bool_and(has_column_privilege(role, a.attrelid, a.attnum, 'update'))
                                    from pg_attribute a where a.attrelid = '{group}.leader'::regclass
                                    and a.attname in ('lease', 'deaf_since', 'elected_at')), true)),
    ('execute on {group}.installation',
     coalesce(has_function_privilege(role, to_regprocedure('{group}.installation()'), 'execute'), true)),
    -- A schema of an older version lacks these: it is told apart from this.
    ('select on {group}.member', coalesce(has_table_privilege(role, to_regclass('{group}.member'), 'select'), true)),
    ('select on {group}.member_retired', coalesce(has_table_privilege(role, to_regclass('{group}.member_retired'), 'select'), true)),
    ('execute on {group}.sweep', coalesce(has_function_privilege(role, to_regprocedure('{group}.sweep(interval)'), 'execute'), true)),
    ('execute on {group}.retire', coalesce(has_function_privilege(role, to_regprocedure('{group}.retire(uuid, text[])'), 'execute'), true)),
    ('execute on {group}.wake_up', coalesce(has_function_privilege(role, to_regprocedure('{group}.wake_up(text)'), 'execute'), true)),
    ('execute on {group}.wake_ups', coalesce(has_function_privilege(role, to_regprocedure('{group}.wake_ups()'), 'execute'), true)),
    ('select on {group}.wish', coalesce(has_table_privilege(role, to_regclass('{group}.wish'), 'select'), true)),
    ('insert on {group}.event', coalesce(has_table_privilege(role, to_regclass('{group}.event'), 'insert'), true)),
    ('delete on {group}.event', coalesce(has_table_privilege(role, to_regclass('{group}.event'), 'delete'), true)),
    ('select on {group}.slot', has_table_privilege(role, '{group}.slot', 'select')),
    ('update on {group}.slot', (select bool_and(has_column_privilege(role, '{group}.slot', changed, 'update'))
                               from unnest(array['owner', 'incarnation', 'epoch', 'term', 'moved_at']) as changed)
                           -- A schema of an older version lacks this: it is told apart from this.
                           and coalesce((select has_column_privilege(role, a.attrelid, a.attnum, 'update')
                               from pg_attribute a where a.attrelid = '{group}.slot'::regclass and a.attname = 'cause'), true)),
    ('select on ' || {table_text}, case when {is_increment} then has_column_privilege(role, {table_text}, {key_name}, 'select')
        else has_table_privilege(role, {table_text}, 'select') end)
) as needed(what, granted)
where not granted
