-- How many items each slot holds; slots without items are not named.
select scaler.slot_of(w.id) as slot, count(*) as items from public.work_items w where w.id is not null group by 1
