-- The table of work, as the original has it; pages half full, so that an increment finds room in its row's own page. Every tick changes
-- every row, and no plan hangs on what it changes: so it is analysed rarely.
create table public.work_items (
    id            uuid primary key default gen_random_uuid(),
    value         integer not null default 0,
    currentworker text
) with (fillfactor = 50, autovacuum_analyze_scale_factor = 100)
