-- The ids to print: read-only, apart from the tick, and only when the tick's digest shows a change.
select w.id from public.work_items w
where scaler.slot_of(w.id) = any (array(
    select s.slot from scaler.slot s
    where s.owner = $1 and s.incarnation = $2 and s.slot >= $3 and s.slot < $4))
order by w.id
