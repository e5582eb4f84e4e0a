-- What Postgres has counted so far for the tables of items.
select sum(n_tup_upd)::bigint as updates, sum(n_tup_hot_upd)::bigint as hot_updates,
       pg_relation_size('public.work_items') as heap_bytes
from pg_stat_user_tables where schemaname = 'public'
