-- Whether the group is installed.
select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = {group_name} and c.relname = 'meta')
