-- State of the assignment: owners of slots; whether loads are even (no two owners differ by more than the heaviest slot) or at least fair (no
-- owner has a tenth more than the mean, which the control plane leaves as it is); items that the last whole tick left out; number of moves.
with now as materialized (
    select tick - 1 as tick from scaler.clock()
), weights as materialized (
    select scaler.slot_of(w.id) as slot, count(*) as items from public.work_items w group by 1
), loads as (
    select s.owner, coalesce(sum(w.items), 0)::bigint as items
    from scaler.slot s left join weights w using (slot) group by s.owner
)
select
    array(select coalesce(owner, '') from loads order by 1) as owners,
    (select coalesce(max(items) - min(items), 0) from loads)
        <= coalesce((select max(items) from weights), 0) as even,
    (select coalesce(max(items) <= avg(items) * 1.1, true) from loads) as fair,
    (select count(*) from public.work_items)
        - (select count(distinct a.id) from public.audit a, now where a.tick = now.tick) as unticked,
    (select count(*) from public.audit_moves) as changes
