-- What this group was installed for; null stands for the reference table, which earlier versions know alone. `index_filter` is the condition of
-- the index on the slot, as Postgres writes it; null if the index has all rows.
alter table {group}.meta
    add column work_table text,
    add column work_key text,
    add column work_key_type text,
    add column work_filter text,
    add column work_statement text,
    add column index_filter text;
