-- What the group was installed for. As JSON, since a schema of an earlier version lacks the columns.
select coalesce(m.meta ->> 'work_table', 'public.work_items') as "table", coalesce(m.meta ->> 'work_key', 'id') as "key",
       coalesce(m.meta ->> 'work_key_type', 'uuid') as key_type, m.meta ->> 'work_filter' as filter, m.meta ->> 'work_statement' as statement,
       coalesce(m.meta ->> 'work_table', '') = '' as is_unknown
from (select to_jsonb(whole) as meta from {group}.meta whole) m
