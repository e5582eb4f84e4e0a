-- The session that holds the lock of installers, or, if none does, that with the oldest open transaction: what is made beside it waits for it.
select a.pid, coalesce(nullif(a.application_name, ''), 'unnamed'), coalesce(a.usename, '?')::text,
       coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::bigint
from pg_stat_activity a left join pg_locks l on l.pid = a.pid and l.locktype = 'advisory' and l.granted
    and l.database = (select oid from pg_database where datname = current_database())
    and (l.classid::bigint << 32 | l.objid::bigint) = $1 and l.objsubid = 1
where a.pid <> pg_backend_pid() and (l.pid is not null or (a.datname = current_database() and a.xact_start is not null))
order by l.pid is null, a.xact_start limit 1
