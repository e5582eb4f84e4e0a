-- Some slots at random that hold items: for each place on the circle of slots the next item's, so that few items are found too.
with places as (
    select floor(random() * m.slots)::integer as place from scaler.meta m, generate_series(1, $1)
)
select distinct found.slot from places, lateral (
    select coalesce(
        (select scaler.slot_of(w.id) from public.work_items w where scaler.slot_of(w.id) >= place order by scaler.slot_of(w.id) limit 1),
        (select scaler.slot_of(w.id) from public.work_items w where scaler.slot_of(w.id) >= 0 order by scaler.slot_of(w.id) limit 1)
    ) as slot
) as found where found.slot is not null
