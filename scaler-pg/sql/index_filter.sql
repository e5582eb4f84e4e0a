-- Condition of the index on the slot, as Postgres writes it; null if the index has all rows.
-- As JSON, since a schema of an earlier version lacks the column.
select to_jsonb(m) ->> 'index_filter' from {group}.meta m
