-- Why the table of work cannot be worked on as it is, by this role or by this user, each with its remedy; no row if it can.
with table_of_work as (
    select c.oid, c.relowner, c.relrowsecurity, c.relforcerowsecurity
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = {schema_name} and c.relname = {table_name}
), me as (
    select r.oid, r.rolname, r.rolsuper or r.rolbypassrls as passes from pg_roles r where r.rolname = coalesce($1::name, current_user)
)
select format('column %s is generated, so ticks cannot update it', a.attname) as what,
       format('run `alter table %s alter column %s drop %s`', {table_text}, a.attname,
              case when a.attgenerated <> '' then 'expression' else 'identity' end) as remedy
from table_of_work t join pg_attribute a on a.attrelid = t.oid
where {is_increment} and a.attname in ('value', 'currentworker') and (a.attgenerated <> '' or a.attidentity = 'a')
union all
select format('row security hides rows from role %s', m.rolname),
       format('run `alter role %I bypassrls`, or `alter table %s disable row level security`', m.rolname, {table_text})
from table_of_work t, me m
where t.relrowsecurity and not m.passes and (t.relforcerowsecurity or not pg_has_role(m.oid, t.relowner, 'usage'))
