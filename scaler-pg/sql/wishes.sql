-- Wishes of operators, with their times in microseconds since the Unix epoch.
select kind, worker, slot, weight, made_by, note, (extract(epoch from since) * 1000000)::bigint from {group}.wish
