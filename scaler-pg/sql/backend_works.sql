-- Whether this process of Postgres is at work, or was a moment ago: then an answer is still to come, or on its way. No row if it is gone.
select coalesce(state not like 'idle%' or clock_timestamp() - state_change < interval '3 seconds', true)
from pg_stat_activity
where pid = $1 and cast(extract(epoch from backend_start) * 1000000 as bigint) = $2
