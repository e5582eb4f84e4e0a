-- The original's way: a statement and a transaction for each row.
update public.work_items set value = value + 1, currentworker = $1 where id = $2
