-- Indexes on the slot of this group with condition $1, which is that of an earlier filter. By the function that they call.
with recursive family(oid) as (
    select to_regclass({table_text})::oid
    union
    select i.inhrelid from pg_inherits i join family f on i.inhparent = f.oid
)
select format('%I.%I', n.nspname, c.relname)
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where i.indrelid in (select oid from family) and i.indnatts = 1 and i.indkey[0] = 0 and not i.indisunique
  and pg_get_expr(i.indpred, i.indrelid) is not distinct from $1
  and pg_get_expr(i.indexprs, i.indrelid) like '%slot_of(%'
  and exists (select from pg_depend d join pg_proc p on p.oid = d.refobjid join pg_namespace s on s.oid = p.pronamespace
              where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refclassid = 'pg_proc'::regclass
              and s.nspname = {group_name} and p.proname = 'slot_of')
