-- Appends events, in order, and deletes those that are too many ($14) or older than $15 seconds. An array cannot hold arrays of different
-- lengths, so the slots of each event come as text.
with added as (
    insert into {group}.event (kind, worker, former, cause, made_by, said, slots,
                               planned_slots, planned_items, minimum_slots, minimum_items, moved_slots, took_ms)
    select e.kind, e.worker, e.former, e.cause, e.made_by, e.said, e.slots::integer[],
           e.planned_slots, e.planned_items, e.minimum_slots, e.minimum_items, e.moved_slots, e.took_ms
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])
        with ordinality as e(kind, worker, former, cause, made_by, said, slots,
                             planned_slots, planned_items, minimum_slots, minimum_items, moved_slots, took_ms, place)
    order by e.place
    returning id
)
delete from {group}.event
where id <= (select max(a.id) from added a) - $14
   or (id in (select o.id from {group}.event o order by o.id limit 1000) and at < clock_timestamp() - make_interval(secs => $15))
