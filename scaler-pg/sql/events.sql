-- The newest events before number $1 and after number $2, of the worker $3, in which the slot $4 moved, of the kind $5. Times are in
-- microseconds since the Unix epoch.
select id, (extract(epoch from at) * 1000000)::bigint as at_us, kind, worker, former, cause, made_by, said, slots,
       planned_slots, planned_items, minimum_slots, minimum_items, moved_slots, took_ms
from {group}.event
where ($1::bigint is null or id < $1) and ($2::bigint is null or id > $2)
  and ($3::text is null or worker = $3 or former = $3) and ($4::integer is null or $4 = any (slots)) and ($5::text is null or kind = $5)
order by id desc limit $6
