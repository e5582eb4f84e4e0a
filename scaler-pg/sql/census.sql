-- How many items each of these slots holds; slots without items are not named. By the index on the slot, so that a part of a large
-- table costs a part of the time.
with counted as materialized (
    select {group}.slot_of(w.{key}) as slot, count(*) as items
    from {table} w
    where {group}.slot_of(w.{key}) >= $1 and {group}.slot_of(w.{key}) < $2{and_filter}
    group by 1
), listed as materialized (
    select coalesce(array_agg(slot), '{}') as slots, coalesce(array_agg(items), '{}') as items from counted
)
select slots, items, cast(extract(epoch from clock_timestamp() - statement_timestamp()) * 1000000 as bigint) as took_us from listed
