-- How long, in seconds, the oldest transaction of this database has been open or prepared: while it lasts, Postgres cannot clear away what
-- ticks leave behind, every second, of every row. Nothing for a role that may not see the transactions of others: it would see its own only.
select extract(epoch from clock_timestamp() - coalesce(min(began), clock_timestamp()))::float8
from (
    select xact_start from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
    union all
    select prepared from pg_prepared_xacts where database = current_database()
) as open(began)
having pg_has_role('pg_read_all_stats', 'usage')
