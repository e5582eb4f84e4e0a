-- Locks a batch of rows that are not done yet and not locked by others.
update public.queue_items set value = value + 1, currentworker = $1, pass = $2
where id = any (array(select id from public.queue_items where pass < $2 limit $3 for update skip locked))
