-- What of the installation is missing, after a statement has failed: the schema, a part of it that this version needs, the right to use it, that to
-- use the schema of the table of work, or that table. No row if all is there. By the catalog, which every user may read: what Postgres says of a failure depends on its language.
with here as (
    select n.oid as scaler, has_schema_privilege(n.oid, 'usage') as is_open
    from (select) as one left join pg_namespace n on n.nspname = {group_name}
), needed(name, takes) as (
    values ('tick_around', 6), ('try_to_write', 2), ('increment', 4), ('adopt', 2), ('claim_orphans', 4), ('holdings', 4), ('acknowledge', 4), ('installation', 0), ('slot_of', 1), ('clock', 0),
           ('heartbeat', 5), ('leave', 2), ('sweep', 1), ('retire', 2), ('wake_up', 1), ('wake_ups', 0)
)
select missing from (
    select case
        when scaler is null then 'schema'
        when not is_open then 'use'
        when not exists (select from pg_class c where c.relnamespace = scaler and c.relname = 'slot')
             or not exists (select from pg_proc p where p.pronamespace = scaler and p.proname = 'slot_of') then 'schema'
        when exists (select from needed where not exists (
            select from pg_proc p where p.pronamespace = scaler and p.proname = needed.name
            and (select count(*) from unnest(p.proargtypes)) = needed.takes))
             or not exists (select from pg_class c where c.relnamespace = scaler and c.relname = 'wish') then 'version'
        when not coalesce(has_schema_privilege(to_regnamespace({schema_text}), 'usage'), true) then 'public'
        when not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                         where n.nspname = {schema_name} and c.relname = {table_name}) then 'table'
    end as missing from here
) as found where missing is not null
