-- What this role, or this user, lacks of what a worker needs: rights on tables, or the right to execute every function.
with me(role) as (
    select coalesce($1::name, current_user)
), functions as (
    select bool_and(coalesce(has_function_privilege(role, to_regprocedure(function), 'execute'), false)) as granted
    from me, unnest(array[
        'scaler.tick(text, uuid, integer, integer, bigint[], uuid[])',
        'scaler.tick_around_as_owner(text, uuid, integer, integer, uuid[], uuid[])', 'scaler.try_to_write_as_owner(text, uuid)',
        'scaler.items(text, uuid, integer, integer)', 'scaler.adopt(text, uuid)', 'scaler.installation()',
        'scaler.claim_orphans(text, uuid, bigint, bigint)']) as function
)
select what from me, functions, lateral (values
    ('usage on schema public', has_schema_privilege(role, 'public', 'usage')),
    ('select on public.work_items', has_column_privilege(role, 'public.work_items', 'id', 'select')
                                    and has_column_privilege(role, 'public.work_items', 'value', 'select')),
    ('update on public.work_items', has_column_privilege(role, 'public.work_items', 'value', 'update')
                                    and has_column_privilege(role, 'public.work_items', 'currentworker', 'update')),
    ('select on scaler.meta', has_table_privilege(role, 'scaler.meta', 'select')),
    ('select on scaler.slot', has_table_privilege(role, 'scaler.slot', 'select')),
    ('update on scaler.slot', has_column_privilege(role, 'scaler.slot', 'last_tick', 'update')
                              and has_column_privilege(role, 'scaler.slot', 'ticks', 'update')),
    ('execute on scaler.increment', coalesce(has_function_privilege(role, to_regprocedure('scaler.increment(text, integer[], bigint, uuid[])'), 'execute'), false)),
    ('execute on scaler.increment_part', coalesce(has_function_privilege(role, to_regprocedure('scaler.increment_part(text, uuid[], timestamptz)'), 'execute'), false)),
    ('execute on scaler.tick_part',
     coalesce(has_function_privilege(role, to_regprocedure('scaler.tick_part(text, bigint, integer[], uuid[], timestamptz)'), 'execute'), false)),
    ('execute on scaler.tick_around',
     coalesce(has_function_privilege(role, to_regprocedure('scaler.tick_around(text, uuid, integer, integer, uuid[], uuid[])'), 'execute'), false)),
    ('execute on scaler.try_to_write', coalesce(has_function_privilege(role, to_regprocedure('scaler.try_to_write(text, uuid)'), 'execute'), false)),
    ('execute on scaler.adopt', coalesce(has_function_privilege(role, to_regprocedure('scaler.adopt(text, uuid)'), 'execute'), false)),
    ('execute on scaler.installation', coalesce(has_function_privilege(role, to_regprocedure('scaler.installation()'), 'execute'), false)),
    ('execute on scaler.claim_orphans',
     coalesce(has_function_privilege(role, to_regprocedure('scaler.claim_orphans(text, uuid, bigint, bigint)'), 'execute'), false))
) as needed(what, granted)
where not needed.granted and (not functions.granted or what = 'usage on schema public')
