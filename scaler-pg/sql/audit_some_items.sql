-- As audit_items.sql, for a few slots, by their index; of very many items the first ones.
select w.id, scaler.slot_of(w.id) as slot, coalesce(w.value, 0) as value from public.work_items w
where scaler.slot_of(w.id) = any ($1) order by w.id limit $2
