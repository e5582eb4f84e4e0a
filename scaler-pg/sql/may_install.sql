-- Whether the schema is there, and whether this user may make or change it.
select n.oid is not null as there,
       coalesce(pg_has_role(n.nspowner, 'usage'), has_database_privilege(current_database(), 'create')) as may
from (select) as one left join pg_namespace n on n.nspname = {group_name}
