-- What Postgres has counted so far for the tables of items.
select sum(n_tup_upd)::bigint as updates, sum(n_tup_hot_upd)::bigint as hot_updates,
       (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint as wal_bytes,
       pg_relation_size('public.work_items') as heap_bytes
from pg_stat_user_tables where schemaname = 'public'
