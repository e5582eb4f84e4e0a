delete from public.work_items where id = any ($1)
