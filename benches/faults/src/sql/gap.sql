-- The longest time, in seconds, between two increments of any item that was there all the time.
with seen as (
    select a.id, a.at, lag(a.at) over (partition by a.id order by a.at) as before
    from public.audit a join public.audit_before b using (id)
    where a.at between to_timestamp($1) - interval '2 s' and to_timestamp($2)
)
select coalesce(max(extract(epoch from at - before)), 0)::float8 from seen where at > to_timestamp($1)
