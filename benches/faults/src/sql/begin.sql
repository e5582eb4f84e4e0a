-- The beginning of a watch: all values and ticks at one moment, and that moment by the database's clock.
with kept as (
    insert into public.audit_before
    select w.id, coalesce(w.value, 0), s.slot, s.ticks
    from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id)
    on conflict (id) do update set value = excluded.value, slot = excluded.slot, ticks = excluded.ticks
)
select extract(epoch from clock_timestamp())::float8
