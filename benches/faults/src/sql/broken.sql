-- What must be zero, over all that was written down: increments doubled, and the other invariants, each by its name.
select
    (select count(*) from public.audit) + t.increments as increments,
    (select count(*) from (select from public.audit group by id, tick having count(*) > 1) as doubled) + t.doubles as doubles,
    (select count(*) from public.audit where step <> 1) + t.steps_other_than_one as steps_other_than_one,
    (select count(*) from public.audit where worker is distinct from owner)
        + t.increments_by_others_than_the_owner as increments_by_others_than_the_owner,
    (select count(*) from public.audit_before b join public.work_items w using (id) join scaler.slot s on s.slot = b.slot
        where w.value - b.value <> s.ticks - b.ticks) as values_apart_from_their_ticks,
    (select count(*) from public.work_items w
        left join (select id, sum(step) as steps from public.audit group by id) a using (id)
        left join public.audit_sums f using (id)
        where coalesce(w.value, 0) <> coalesce(a.steps, 0) + coalesce(f.steps, 0)) as values_apart_from_the_record,
    (select count(*) from public.audit_moves where fell or epoch <> epoch_before + 1) as changes_without_their_epoch,
    (select count(*) from public.audit_commits c
        where exists (select from public.audit_terms t where t.place < c.place and t.term > c.term)) as moves_by_a_past_term
from public.audit_totals t
