-- What everybody can see at this moment: each slot's last tick, beside the clock that ticks go by.
select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms, array_agg(slot) as slots, array_agg(last_tick) as last_ticks
from scaler.slot
