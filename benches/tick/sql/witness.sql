-- Each slot's last tick, and the clock that numbers the ticks.
select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms, array_agg(slot) as slots, array_agg(last_tick) as last_ticks
from scaler.slot
