-- How many items each of these slots holds; slots without items are not named. By the index on the slot, so that a part of a large
-- table costs a part of the time.
with counted as materialized (
    select scaler.slot_of(w.id) as slot, count(*) as items
    from public.work_items w
    where scaler.slot_of(w.id) >= $1 and scaler.slot_of(w.id) < $2
    group by 1
), listed as materialized (
    select coalesce(array_agg(slot), '{}') as slots, coalesce(array_agg(items), '{}') as items from counted
)
select slots, items, cast(extract(epoch from clock_timestamp() - statement_timestamp()) * 1000000 as bigint) as took_us from listed
