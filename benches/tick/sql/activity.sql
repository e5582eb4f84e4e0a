-- What Postgres has counted so far, and how much room the table of work takes with its indexes.
select (select xact_commit + xact_rollback from pg_stat_database where datname = current_database()) as transactions,
       (select n_tup_upd from pg_stat_user_tables where relid = 'public.work_items'::regclass) as updates,
       (select n_tup_hot_upd from pg_stat_user_tables where relid = 'public.work_items'::regclass) as hot_updates,
       (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint as wal_bytes,
       pg_total_relation_size('public.work_items') as table_bytes
