-- How far apart the rows of each of these slots lie: in how many pages, and in how many they would fit at the table's fillfactor.
with rows as (
    select {group}.slot_of(w.{key}) as slot, (w.ctid::text::point)[0] as page, pg_column_size(w) + 4 as bytes
    from {table} w
    where {group}.slot_of(w.{key}) = any (array(select slot from generate_series($1::integer, $2::integer - 1) slot)){and_filter}
), room as (
    select 8168 * coalesce(max(split_part(option, '=', 2)::integer), 100) / 100.0 as bytes
    from pg_class c left join unnest(c.reloptions) option on option like 'fillfactor=%'
    where c.oid = {table_text}::regclass
)
select slot, count(*) as rows, count(distinct page) as pages, ceil(sum(rows.bytes) / min(room.bytes))::bigint as least
from rows, room group by slot order by slot
