-- Every item with its value, in the order of the ids, so that two looks can be compared while the second one passes by.
select w.id, scaler.slot_of(w.id) as slot, coalesce(w.value, 0) as value from public.work_items w where w.id is not null order by w.id
