-- What this role, or this user, lacks of what it takes to look at slots and items.
with me(role) as (
    select coalesce($1::name, current_user)
)
select what from me, lateral (values
    ('usage on schema ' || {schema_name}, has_schema_privilege(role, {schema_name}, 'usage')),
    ('select on {group}.meta', has_table_privilege(role, '{group}.meta', 'select')),
    ('select on {group}.slot', has_table_privilege(role, '{group}.slot', 'select')),
    -- A schema of an older version lacks these: it is told apart from this.
    ('select on {group}.member', coalesce(has_table_privilege(role, to_regclass('{group}.member'), 'select'), true)),
    ('select on {group}.member_retired', coalesce(has_table_privilege(role, to_regclass('{group}.member_retired'), 'select'), true)),
    ('select on {group}.wish', coalesce(has_table_privilege(role, to_regclass('{group}.wish'), 'select'), true)),
    ('select on {group}.event', coalesce(has_table_privilege(role, to_regclass('{group}.event'), 'select'), true)),
    ('select on {group}.leader', has_table_privilege(role, '{group}.leader', 'select')),
    ('select on ' || {table_text}, case when {is_increment}
        then has_column_privilege(role, {table_text}, {key_name}, 'select') and has_column_privilege(role, {table_text}, 'value', 'select')
        else has_table_privilege(role, {table_text}, 'select') end),
    ('execute on {group}.slot_of', coalesce((
        select bool_or(has_function_privilege(role, p.oid, 'execute'))
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = {group_name} and p.proname = 'slot_of'), false))
) as needed(what, granted)
where not granted
