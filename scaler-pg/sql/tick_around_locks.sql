-- The tick once more, after tick.sql has waited too long for an item that somebody else holds: that item alone is left out
-- of this tick, and counted. See tick.sql for the rest.
with now as materialized (
    select * from scaler.clock()
), mine as materialized (
    select s.slot, s.epoch, s.last_tick from scaler.slot s
    where s.owner = $1 and s.incarnation = $2 and s.slot >= $3 and s.slot < $4
), wanted as materialized (
    select m.slot from mine m
    where m.last_tick < (select tick from now)
      and (m.slot = (select min(slot) from mine)
           or (select true from public.work_items w where scaler.slot_of(w.id) = m.slot limit 1))
), due as materialized (
    select s.slot from scaler.slot s
    where s.slot = any (array(select slot from wanted)) and s.slot >= $3 and s.slot < $4
      and s.owner = $1 and s.incarnation = $2 and s.last_tick < (select tick from now)
    order by s.slot
    for no key update of s skip locked
), ticked as (
    update scaler.slot s set last_tick = (select tick from now), ticks = s.ticks + 1
    where s.slot = any (array(select slot from due))
    returning s.slot
), free as materialized (
    select w.id from public.work_items w
    where scaler.slot_of(w.id) = any (array(select slot from ticked))
    for no key update of w skip locked
), incremented as (
    update public.work_items w set value = least(coalesce(w.value, 0), 2147483646) + 1, currentworker = $1
    where scaler.slot_of(w.id) = any (array(select slot from ticked)) and w.id = any (array(select id from free))
    returning uuid_hash_extended(w.id, 1) as hash
), done as materialized (
    select count(*) as items, coalesce(bit_xor(hash), 0) as digest from incremented
)
select now.tick, now.into_ms, now.tick_ms,
       (select slots from scaler.meta) as slots,
       (select installation from scaler.meta) as installation,
       (select count(*) from mine) as owned,
       (select coalesce(bit_xor(hashint8extended(epoch, slot)), 0) from mine) as fence,
       (select count(*) from ticked) as ticked,
       (select count(*) from wanted) - (select count(*) from ticked) as left_over,
       done.items, done.digest,
       (select count(*) from public.work_items w where scaler.slot_of(w.id) = any (array(select slot from ticked)))
           - done.items as locked,
       cast(extract(epoch from clock_timestamp() - statement_timestamp()) * 1000000 as bigint) as took_us
from now, done
