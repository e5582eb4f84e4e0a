-- The columns of the table of work as they are, and what kind of relation it is.
select c.relkind::text as kind, a.attname::text as column, format_type(a.atttypid, a.atttypmod) as type
from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.oid = to_regclass({table_text})
order by a.attnum
