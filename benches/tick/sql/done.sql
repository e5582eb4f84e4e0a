-- How many ticks each slot has had, and which was the last.
select array_agg(last_tick order by slot) as last_ticks, array_agg(ticks order by slot) as ticks from scaler.slot
