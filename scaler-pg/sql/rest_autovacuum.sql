-- Every tick changes every row, and no plan hangs on what it changes: an analysis every minute would be for nothing, and its
-- snapshot keeps ticks from tidying up. Nor would a vacuum every minute find anything: each row has one dead version, which the next tick
-- tidies up. It comes once there are two for each row, which is more than that. What its user has set is left.
do $body$ declare
    setting text;
begin
    foreach setting in array array['autovacuum_analyze_scale_factor = 100', 'autovacuum_vacuum_scale_factor = 2'] loop
        if not exists (
            select from pg_class c, unnest(c.reloptions) as option
            where c.oid = {table_text}::regclass and split_part(option, '=', 1) = split_part(setting, ' ', 1)
        ) then
            execute 'alter table ' || {table_text} || ' set (' || setting || ')';
        end if;
    end loop;
end $body$;
