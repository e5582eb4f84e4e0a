-- What this role, or this user, lacks of what a worker needs: rights on tables, or the right to execute every function.
with me(role) as (
    select coalesce($1::name, current_user)
), functions as (
    select bool_and(coalesce(has_function_privilege(role, to_regprocedure(function), 'execute'), false)) as granted
    from me, unnest(array[
        '{group}.tick(text, uuid, integer, integer, bigint[], {key_type}[])',
        '{group}.tick_around_as_owner(text, uuid, integer, integer, {key_type}[], {key_type}[])', '{group}.try_to_write_as_owner(text, uuid)',
        '{group}.items(text, uuid, integer, integer)', '{group}.adopt(text, uuid)', '{group}.installation()',
        '{group}.claim_orphans(text, uuid, bigint, bigint)', '{group}.holdings(text, uuid, integer, integer)',
        '{group}.acknowledge(text, uuid, integer[], bigint[])']) as function
)
select what from me, functions, lateral (values
    ('usage on schema ' || {schema_name}, has_schema_privilege(role, {schema_name}, 'usage')),
    ('select on ' || {table_text}, has_column_privilege(role, {table_text}, {key_name}, 'select')
                                    and has_column_privilege(role, {table_text}, 'value', 'select')),
    ('update on ' || {table_text}, has_column_privilege(role, {table_text}, 'value', 'update')
                                    and has_column_privilege(role, {table_text}, 'currentworker', 'update')),
    ('select on {group}.meta', has_table_privilege(role, '{group}.meta', 'select')),
    ('select on {group}.slot', has_table_privilege(role, '{group}.slot', 'select')),
    ('update on {group}.slot', has_column_privilege(role, '{group}.slot', 'last_tick', 'update')
                              and has_column_privilege(role, '{group}.slot', 'ticks', 'update')),
    ('execute on {group}.increment', coalesce(has_function_privilege(role, to_regprocedure('{group}.increment(text, integer[], bigint, {key_type}[])'), 'execute'), false)),
    ('execute on {group}.increment_part', coalesce(has_function_privilege(role, to_regprocedure('{group}.increment_part(text, {key_type}[], timestamptz)'), 'execute'), false)),
    ('execute on {group}.tick_part',
     coalesce(has_function_privilege(role, to_regprocedure('{group}.tick_part(text, bigint, integer[], {key_type}[], timestamptz)'), 'execute'), false)),
    ('execute on {group}.tick_around',
     coalesce(has_function_privilege(role, to_regprocedure('{group}.tick_around(text, uuid, integer, integer, {key_type}[], {key_type}[])'), 'execute'), false)),
    ('execute on {group}.try_to_write', coalesce(has_function_privilege(role, to_regprocedure('{group}.try_to_write(text, uuid)'), 'execute'), false)),
    ('execute on {group}.adopt', coalesce(has_function_privilege(role, to_regprocedure('{group}.adopt(text, uuid)'), 'execute'), false)),
    ('execute on {group}.installation', coalesce(has_function_privilege(role, to_regprocedure('{group}.installation()'), 'execute'), false)),
    ('execute on {group}.holdings',
     coalesce(has_function_privilege(role, to_regprocedure('{group}.holdings(text, uuid, integer, integer)'), 'execute'), false)),
    ('execute on {group}.acknowledge',
     coalesce(has_function_privilege(role, to_regprocedure('{group}.acknowledge(text, uuid, integer[], bigint[])'), 'execute'), false)),
    ('execute on {group}.claim_orphans',
     coalesce(has_function_privilege(role, to_regprocedure('{group}.claim_orphans(text, uuid, bigint, bigint)'), 'execute'), false)),
    -- A schema of an older version lacks these: it is told apart from this.
    ('execute on {group}.heartbeat', coalesce(has_function_privilege(role, to_regprocedure('{group}.heartbeat(text, uuid, uuid, text, text)'), 'execute'), true)),
    ('execute on {group}.leave', coalesce(has_function_privilege(role, to_regprocedure('{group}.leave(text, uuid)'), 'execute'), true)),
    ('execute on {group}.wake_ups', coalesce(has_function_privilege(role, to_regprocedure('{group}.wake_ups()'), 'execute'), true))
) as needed(what, granted)
where not needed.granted and (not functions.granted or what in ('usage on schema ' || {schema_name}, 'execute on {group}.heartbeat', 'execute on {group}.leave', 'execute on {group}.wake_ups'))
