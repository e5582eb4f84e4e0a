-- The table of work, and each partition or table that inherits from it, without a whole index on the slot; and a half-made index on it, if there is one, which an installer
-- that was killed has left. $1 is the condition of the index, as Postgres writes it.
-- By what an index is on, not by its name: that may be the index of a table that was renamed.
with recursive family(oid) as (
    select to_regclass({table_text})::oid
    union
    select i.inhrelid from pg_inherits i join family f on i.inhparent = f.oid
), on_slot as (
    select i.indrelid, i.indexrelid, i.indisvalid and i.indisready and i.indislive as is_whole
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam
    where i.indrelid in (select oid from family) and i.indnatts = 1 and i.indkey[0] = 0 and m.amname = 'btree'
      and pg_get_expr(i.indpred, i.indrelid) is not distinct from $1
      and pg_get_expr(i.indexprs, i.indrelid) in (
          format('%I.slot_of(%I)', {group_name}, {key_name}), format('slot_of(%I)', {key_name}), format('%I.slot_of((%I)::bigint)', {group_name}, {key_name}),
          format('slot_of((%I)::bigint)', {key_name}), format('%I.slot_of((%I)::text)', {group_name}, {key_name}), format('slot_of((%I)::text)', {key_name}))
      and exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
                  and d.refclassid = 'pg_proc'::regclass and d.refobjid in (
                      select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = {group_name} and p.proname = 'slot_of'))
)
select format('%I.%I', n.nspname, c.relname) as relation,
       (select format('%I.%I', n.nspname, h.relname) from on_slot o join pg_class h on h.oid = o.indexrelid
        where o.indrelid = c.oid limit 1) as half_made
from family f join pg_class c on c.oid = f.oid join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and not exists (select from on_slot o where o.indrelid = c.oid and o.is_whole)
order by c.oid
