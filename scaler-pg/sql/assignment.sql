-- All slots at one moment, a row an owner: 4,096 slots of 10 workers are 10 rows.
-- A killed worker's session is closed by the kernel at once, so its absence is the fastest witness of a death.
select now.tick, now.tick_ms,
       (select installation from {group}.meta) as installation,
       array(select a.application_name from pg_stat_activity a
             where a.datname = current_database() and starts_with(a.application_name, {session_name})) as sessions,
       s.owner, s.incarnation,
       array_agg(s.slot order by s.slot) as slots,
       array_agg(s.epoch order by s.slot) as epochs,
       array_agg(s.last_tick order by s.slot) as last_ticks
from {group}.slot s, {group}.clock() now
group by now.tick, now.tick_ms, s.owner, s.incarnation
