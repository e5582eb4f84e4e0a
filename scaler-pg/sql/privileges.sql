-- What this user lacks of what a worker needs.
select what from (values
    ('select on public.work_items', has_table_privilege('public.work_items', 'select')),
    ('update on public.work_items', has_table_privilege('public.work_items', 'update')),
    ('select on scaler.meta', has_table_privilege('scaler.meta', 'select')),
    ('select on scaler.slot', has_table_privilege('scaler.slot', 'select')),
    ('update on scaler.slot', has_table_privilege('scaler.slot', 'update'))
) as needed(what, granted) where not granted
