-- What this role, or this user, lacks of what a worker needs: rights on tables, or the right to execute every function.
with me(role) as (
    select coalesce($1::name, current_user)
), executable(name, granted) as (
    select p.proname::text, bool_or(has_function_privilege(role, p.oid, 'execute'))
    from me, pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = {group_name} group by p.proname
), functions as (
    select bool_and(coalesce(e.granted, false)) as granted
    from unnest(array[
        'tick', 'tick_around_as_owner', 'try_to_write_as_owner', 'items', 'adopt', 'installation', 'claim_orphans', 'holdings', 'acknowledge'
    ]) as needed(name)
    left join executable e using (name)
)
select what from (
    select what, needed.granted, functions.granted as by_functions from me, functions, lateral (values
        ('select on ' || {table_text}, case when {is_increment}
            then has_column_privilege(role, {table_text}, {key_name}, 'select') and has_column_privilege(role, {table_text}, 'value', 'select')
            else has_table_privilege(role, {table_text}, 'select') end),
        ('update on ' || {table_text}, case when {is_increment}
            then has_column_privilege(role, {table_text}, 'value', 'update') and has_column_privilege(role, {table_text}, 'currentworker', 'update')
            else has_table_privilege(role, {table_text}, {worker_right}) end),
        ('select on {group}.meta', has_table_privilege(role, '{group}.meta', 'select')),
        ('select on {group}.slot', has_table_privilege(role, '{group}.slot', 'select')),
        ('update on {group}.slot', has_column_privilege(role, '{group}.slot', 'last_tick', 'update')
                                  and has_column_privilege(role, '{group}.slot', 'ticks', 'update'))
    ) as needed(what, granted)
    union all
    select 'execute on {group}.' || needed.name, coalesce(e.granted, false), functions.granted
    from functions, unnest(array[
        'increment', 'increment_part', 'tick_part', 'tick_around', 'try_to_write', 'adopt', 'installation', 'claim_orphans', 'holdings',
        'acknowledge']) as needed(name)
    left join executable e using (name)
    union all
    -- By functions in either access mode. A schema of an older version lacks these: it is told apart from this.
    select 'execute on {group}.' || e.name, e.granted, false from executable e where e.name in ('heartbeat', 'leave', 'wake_ups')
    union all
    select 'usage on schema ' || {schema_name}, has_schema_privilege(role, {schema_name}, 'usage'), false from me
) as needed(what, granted, by_functions)
where not granted and not by_functions
