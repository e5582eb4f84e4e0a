-- Every tick changes every row, and no plan hangs on what it changes: an analysis every minute would be for nothing, and its
-- snapshot keeps ticks from tidying up. What its user has set is left.
do $$ begin
    if not exists (
        select from pg_class c, unnest(c.reloptions) as option
        where c.oid = 'public.work_items'::regclass and option like 'autovacuum_analyze_scale_factor=%'
    ) then
        alter table public.work_items set (autovacuum_analyze_scale_factor = 100);
    end if;
end $$;
