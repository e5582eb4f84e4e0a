-- New items as users insert them: ids say nothing of the place, so each page holds rows of many slots.
insert into public.work_items (id) select gen_random_uuid() from generate_series(1, $1)
