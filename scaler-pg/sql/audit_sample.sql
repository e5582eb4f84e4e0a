-- Some slots at random that hold items: for each place on the circle of slots the next item's, so that few items are found too.
with places as (
    select floor(random() * m.slots)::integer as place from {group}.meta m, generate_series(1, $1)
)
select distinct found.slot from places, lateral (
    select coalesce(
        (select {group}.slot_of(w.{key}) from {table} w where {group}.slot_of(w.{key}) >= place{and_filter} order by {group}.slot_of(w.{key}) limit 1),
        (select {group}.slot_of(w.{key}) from {table} w where {group}.slot_of(w.{key}) >= 0{and_filter} order by {group}.slot_of(w.{key}) limit 1)
    ) as slot
) as found where found.slot is not null
