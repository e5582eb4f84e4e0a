-- The table of work, as the original has it. Each tick leaves a row's last version in its page and writes the next one beside it, and
-- the first tick makes rows longer by the name of their worker: so new rows fill a quarter of a page. Where they filled a half, nearly a third
-- of them had to move to other pages in the first ticks, with entries in all indexes. For the rest see rest_autovacuum.sql.
create table {table} (
    id            uuid primary key default gen_random_uuid(),
    value         integer not null default 0,
    currentworker text
) with (fillfactor = 25, autovacuum_analyze_scale_factor = 100, autovacuum_vacuum_scale_factor = 2)
