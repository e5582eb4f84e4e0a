-- The table of work, and each partition or table that inherits from it, with the name of its whole index on the slot of all rows, without
-- the schema, and its size without indexes.
with recursive family(oid) as (
    select to_regclass({table_text})::oid
    union
    select i.inhrelid from pg_inherits i join family f on i.inhparent = f.oid
)
select format('%I.%I', n.nspname, c.relname) as relation,
       (select quote_ident(x.relname) from pg_index i join pg_class x on x.oid = i.indexrelid
        where i.indrelid = c.oid and i.indisvalid and i.indpred is null and i.indnatts = 1 and i.indkey[0] = 0
          and exists (select from pg_depend d join pg_proc p on p.oid = d.refobjid join pg_namespace s on s.oid = p.pronamespace
                      where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refclassid = 'pg_proc'::regclass
                        and s.nspname = {group_name} and p.proname = 'slot_of')
        limit 1) as slot_index,
       pg_relation_size(c.oid) as bytes
from family f join pg_class c on c.oid = f.oid join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r'
order by c.oid
