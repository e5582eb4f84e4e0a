-- Which ones does not matter; those that a worker is just incrementing are passed over for others.
delete from public.work_items where id = any (array(
    select id from public.work_items limit $1 for update skip locked))
