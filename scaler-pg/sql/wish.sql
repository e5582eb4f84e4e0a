-- Keeps a wish and records its event. A wish that is kept already stays as it is. Returns whether its slot exists.
with asked as (
    select $4::integer is null or exists (select from {group}.slot s where s.slot = $4) as can_be
), kept as (
    insert into {group}.wish as w (kind, subject, worker, slot, weight, made_by, note)
    select $1, $2, $3, $4, $5, $6, $7 from asked where can_be
    on conflict (kind, subject) do update
        set worker = excluded.worker, weight = excluded.weight, made_by = excluded.made_by, note = excluded.note, since = clock_timestamp()
        where (w.worker, w.weight) is distinct from (excluded.worker, excluded.weight)
    returning worker
), recorded as (
    insert into {group}.event (kind, worker, made_by, said) select 'wish', k.worker, $6, $8 from kept k
)
select can_be from asked
