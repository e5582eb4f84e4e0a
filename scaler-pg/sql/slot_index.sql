-- Whether the index on the slot is there, and whole.
select i.indisvalid from pg_index i where i.indexrelid = to_regclass('public.work_items_slot')
