-- Which process of Postgres works for this session. A number alone may be that of another process of another server.
select pid, cast(extract(epoch from backend_start) * 1000000 as bigint) from pg_stat_activity where pid = pg_backend_pid()
