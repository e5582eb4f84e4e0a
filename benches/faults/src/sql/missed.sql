-- How many of these ticks the items missed that were there all the time: half of them at most so many, and none more.
with per_item as (
    select $2::bigint - $1::bigint + 1 - count(distinct a.tick) as missed
    from public.audit_before b join public.work_items w using (id)
    left join public.audit a on a.id = b.id and a.tick between $1 and $2
    group by b.id
)
select coalesce(percentile_disc(0.5) within group (order by missed), 0), coalesce(max(missed), 0),
       count(*) filter (where missed > 0),
       coalesce((select missed from per_item order by missed desc offset 1 limit 1), 0),
       coalesce(sum(missed) * 100.0 / nullif(count(*) * ($2::bigint - $1::bigint + 1), 0), 0)::float8
from per_item
