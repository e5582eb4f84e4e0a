-- Adds up what was set aside.
with aside as materialized (
    select a.* from public.audit_aside a, public.audit_totals t where a.tick <= t.folded_to
), counted as (
    select count(*) as increments, count(*) filter (where step <> 1) as steps, count(*) filter (where worker is distinct from owner) as others
    from aside
), doubled as (
    select count(*) as doubles from (select from aside group by id, tick having count(*) > 1) as pairs
)
update public.audit_totals t
set increments = t.increments + c.increments, doubles = t.doubles + d.doubles,
    steps_other_than_one = t.steps_other_than_one + c.steps,
    increments_by_others_than_the_owner = t.increments_by_others_than_the_owner + c.others
from counted c, doubled d;

insert into public.audit_sums
select a.id, sum(a.step) from public.audit_aside a, public.audit_totals t where a.tick <= t.folded_to group by a.id
on conflict (id) do update set steps = audit_sums.steps + excluded.steps;

drop table public.audit_aside
