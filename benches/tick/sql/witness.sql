-- What everybody can see at this moment: each slot's last tick, and how many were done for it, beside the clock that ticks go by.
select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms,
       array_agg(last_tick order by slot) as last_ticks, array_agg(ticks order by slot) as ticks
from scaler.slot
