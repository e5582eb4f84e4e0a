-- The work: fence, de-duplicate and increment in one statement, so that a blind retry is safe.
--
-- Never waits for a lock: a slot that is changing its owner is left for the next try. The slots that waited longest come first.
-- The ids that were incremented are not returned: a client that stops reading would keep its locks for ever.
-- $5 is what the caller expects of these slots: fence, number of slots ticked, items. If the statement finds the same, `digest` is null.
-- $6 are items to leave out, since Postgres has refused to change them; see tick_around_functions.sql.
-- If the fence is another one, the number of items in these slots is unknown: then one statement takes what fills about two megabytes of
-- the table, and the caller comes back for the rest. A large share of a large table would run for seconds, and keep Postgres from pruning
-- dead row versions meanwhile.
-- `= any (array(...))` rather than a join: a join makes the planner hash the whole table of work.
with now as materialized (
    select * from {group}.clock()
), mine as materialized (
    select s.slot, s.epoch, s.last_tick from {group}.slot s
    where s.owner = $1 and s.incarnation = $2 and s.slot >= $3 and s.slot < $4
), fence as materialized (
    select coalesce(bit_xor(hashint8extended(epoch, slot)), 0) as fence from mine
), few as (
    select greatest(slots::bigint * 2097152 / nullif({table_size}, 0), 1) as few from {group}.meta
), wanted as materialized (
    select m.slot from mine m
    where m.last_tick < (select tick from now)
      -- A slot without items needs no tick, but the first one is the owner's sign of life. The index is scanned backward, since newer
      -- row versions come later in it: while an old transaction is open, there is one version for each tick since it began.
      and (m.slot = (select min(slot) from mine)
           or m.slot = (select {group}.slot_of(w.{key}) from {table} w where {group}.slot_of(w.{key}) <= m.slot{and_filter}
                        order by {group}.slot_of(w.{key}) desc limit 1))
), due as materialized (
    select s.slot from {group}.slot s
    where s.slot = any (array(select slot from wanted)) and s.slot >= $3 and s.slot < $4
      and s.owner = $1 and s.incarnation = $2 and s.last_tick < (select tick from now)
    order by s.last_tick, s.slot
    limit case when (select fence from fence) is distinct from $5[1] then (select few from few) end
    for no key update of s skip locked
), ticked as (
    update {group}.slot s set last_tick = (select tick from now), ticks = s.ticks + 1
    where s.slot = any (array(select slot from due))
    returning s.slot
), seen as materialized (
    select (select count(*) from mine) as owned,
           (select fence from fence) as fence,
           (select count(*) from ticked) as ticked
), done as materialized (
    -- Where the slots are those of $5, its number of items is expected, too.
    select i.items, i.digest, i.present
    from seen s, {group}.increment($1, array(select slot from ticked), case when array[s.fence, s.ticked] = $5[1:2] then $5[3] end, $6) i
)
select now.tick, now.into_ms, now.tick_ms,
       (select slots from {group}.meta) as slots,
       (select installation from {group}.meta) as installation,
       seen.owned, seen.fence, seen.ticked,
       (select count(*) from wanted) - seen.ticked as left_over,
       done.items, done.digest, done.present,
       0::bigint as locked,
       cast(extract(epoch from clock_timestamp() - statement_timestamp()) * 1000000 as bigint) as took_us
from now, seen, done
