-- What this role, or this user, lacks of what it takes to look at slots and items.
with me(role) as (
    select coalesce($1::name, current_user)
)
select what from me, lateral (values
    ('usage on schema public', has_schema_privilege(role, 'public', 'usage')),
    ('select on scaler.meta', has_table_privilege(role, 'scaler.meta', 'select')),
    ('select on scaler.slot', has_table_privilege(role, 'scaler.slot', 'select')),
    ('select on scaler.leader', has_table_privilege(role, 'scaler.leader', 'select')),
    ('select on public.work_items (id, value)', has_column_privilege(role, 'public.work_items', 'id', 'select')
                                               and has_column_privilege(role, 'public.work_items', 'value', 'select')),
    ('execute on scaler.slot_of', coalesce(has_function_privilege(role, to_regprocedure('scaler.slot_of(uuid)'), 'execute'), false))
) as needed(what, granted)
where not granted
