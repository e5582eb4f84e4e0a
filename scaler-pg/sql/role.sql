-- Whether a role is there, and whether it may act as the owner of the schema, as a superuser may too.
select r.oid is not null as there, coalesce(pg_has_role(r.oid, n.nspowner, 'member'), false) as owner
from pg_namespace n left join pg_roles r on r.rolname = $1 where n.nspname = {group_name}
