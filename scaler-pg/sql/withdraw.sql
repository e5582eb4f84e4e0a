-- Removes a wish and records its event. Returns the number of wishes removed.
with gone as (
    delete from {group}.wish where kind = $1 and subject = $2 returning worker
), recorded as (
    insert into {group}.event (kind, worker, made_by, said) select 'wish', g.worker, $3, $4 from gone g
)
select count(*) from gone
