-- By how much the value of each row is behind the last tick of its slot, to be compared with later.
drop table if exists watched;

create table watched as
select w.id, s.last_tick - w.value as late from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id);
