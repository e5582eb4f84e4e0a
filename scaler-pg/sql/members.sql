-- Lists all members with the ages of their heartbeats in microseconds, by the clock of the server. A clock that was set back makes no age
-- negative.
select worker, said::text,
       greatest(0, extract(epoch from clock_timestamp() - seen_at) * 1000000)::bigint as age_us
from {group}.member order by worker, installation
