-- What Postgres tells a role that looks about itself, the table of work, and the sessions that use that table. Of sessions of other users only a
-- role with pg_read_all_stats sees the state: without it, their number is null.
select current_setting('server_version') as server_version, current_user::text as role, pg_is_in_recovery() as is_standby,
       (select coalesce(max(version), 0) from {group}.migration where success) as schema_version,
       coalesce(table_stats.live, 0) as live, coalesce(table_stats.dead, 0) as dead,
       current_setting('autovacuum')::boolean and not coalesce('autovacuum_enabled=false' = any (work.reloptions), false) as autovacuums,
       case when pg_has_role('pg_read_all_stats', 'usage') then idle.sessions end as idle_sessions,
       idle.longest_s
from pg_class work
cross join lateral (
    select sum(n_live_tup)::bigint as live, sum(n_dead_tup)::bigint as dead from pg_stat_user_tables where relid = work.oid
) as table_stats
cross join lateral (
    select count(distinct a.pid) as sessions, extract(epoch from clock_timestamp() - min(a.state_change))::float8 as longest_s
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.relation = work.oid and l.granted and a.datname = current_database()
      and starts_with(a.state, 'idle in transaction') and a.pid <> pg_backend_pid()
) as idle
where work.oid = to_regclass({table_text})
