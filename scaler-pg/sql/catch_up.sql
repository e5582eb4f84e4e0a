-- Lets ticks go on where the clock has fallen, by more than a tick, behind those that were done: the present one becomes the one after the
-- last. By whole ticks, so that workers keep their places within the second.
--
-- `leader` holds the leader's row against a new term until that is done, as in commit.sql. A tick under way still goes by the clock that
-- it has read, and finds nothing due. Of two of these at once, the second finds `ahead_ms` changed and adds nothing.
with leader as materialized (
    select from {group}.leader l where l.term = $1 and l.holder = $2 for share
), seen as materialized (
    select m.ahead_ms, now.tick_ms, (select max(last_tick) from {group}.slot) + 1 - now.tick as ticks
    from {group}.meta m, {group}.clock() now
)
update {group}.meta m set ahead_ms = seen.ahead_ms + seen.ticks * seen.tick_ms
from seen
where exists (select from leader) and seen.ticks > 2 and m.ahead_ms = seen.ahead_ms
returning seen.ticks
