select id, coalesce(value, 0) from public.work_items where id is not null order by id limit $1
