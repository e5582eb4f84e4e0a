-- An adopted table gets room in the pages that it will fill from now on, unless its user has chosen a fillfactor. 100 is the
-- default of Postgres and counts as no choice: with full pages, half of all ticks move their rows to other pages, for ever.
do $body$ begin
    if not exists (
        select from pg_class c, unnest(c.reloptions) as option
        where c.oid = {table_text}::regclass and option like 'fillfactor=%' and option <> 'fillfactor=100'
    ) then
        alter table {table} set (fillfactor = 25);
    end if;
end $body$
