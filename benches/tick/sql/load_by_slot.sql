-- New items, the rows of a slot beside each other.
insert into public.work_items (id)
select id from (select gen_random_uuid() as id from generate_series(1, $1)) as new order by scaler.slot_of(id)
