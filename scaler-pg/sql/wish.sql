-- Keeps a wish and records its event. A wish that is kept already stays as it is.
with kept as (
    insert into {group}.wish as w (kind, subject, worker, slot, weight, made_by, note) values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (kind, subject) do update
        set worker = excluded.worker, weight = excluded.weight, made_by = excluded.made_by, note = excluded.note, since = clock_timestamp()
        where (w.worker, w.weight) is distinct from (excluded.worker, excluded.weight)
    returning worker
)
insert into {group}.event (kind, worker, made_by, said) select 'wish', k.worker, $6, $8 from kept k
