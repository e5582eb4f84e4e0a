insert into public.queue_items (id, value, pass) select gen_random_uuid(), 0, 0 from generate_series(1, $1)
