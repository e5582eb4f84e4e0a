-- Moves slots: the term and every epoch are checked in the statement that moves.
--
-- `leader` holds the leader's row against a new term until the move is done. `seen` waits for ticks in flight, in slot
-- order, and shows each slot as it is then.
with leader as materialized (
    select l.term from {group}.leader l where l.term = $1 and l.holder = $2 for share
), now as materialized (
    select * from {group}.clock()
), wanted as materialized (
    select * from unnest($3::integer[], $4::bigint[], $5::text[], $6::uuid[], $7::boolean[], $8::text[])
        as w(slot, epoch, owner, incarnation, after_tick, cause)
), seen as materialized (
    select s.slot, s.epoch, s.last_tick from {group}.slot s
    where s.slot = any ($3) and exists (select from leader)
    order by s.slot
    for no key update of s
), moved as (
    update {group}.slot s
    set owner = w.owner, incarnation = w.incarnation, epoch = s.epoch + 1, term = $1, moved_at = statement_timestamp(),
        cause = w.cause
    from wanted w join seen using (slot), now
    where s.slot = w.slot and seen.epoch = w.epoch and (not w.after_tick or seen.last_tick >= now.tick)
    returning s.slot
)
select exists (select from leader) as leads,
       array(select slot from moved order by slot) as moved,
       array(select w.slot from wanted w left join seen using (slot)
             where seen.epoch is distinct from w.epoch order by w.slot) as passed,
       array(select w.slot from wanted w join seen using (slot)
             where seen.epoch = w.epoch and w.after_tick and seen.last_tick < now.tick order by w.slot) as unticked
from now
