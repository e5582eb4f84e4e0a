-- How often each slot was ticked, all slots or these, and the tick it is.
select now.tick, s.slot, s.owner, s.ticks, s.last_tick
from {group}.slot s, {group}.clock() now
where $1::integer[] is null or s.slot = any ($1)
