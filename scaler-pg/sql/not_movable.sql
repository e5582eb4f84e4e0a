-- Returns the reasons why rows of the work table cannot be deleted and inserted again unnoticed: foreign keys, triggers, rules and the like.
select case
    when exists (select from pg_constraint where contype = 'f' and confrelid = c.oid) then 'a foreign key references it'
    when exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal) then 'it has a trigger'
    when exists (select from pg_rewrite where ev_class = c.oid) then 'it has a rule'
    when exists (select from pg_publication_tables where schemaname = {schema_name} and tablename = {table_name})
        then 'a publication includes it, and its subscribers would receive deletes and inserts'
    when exists (select from pg_replication_slots where slot_type = 'logical' and database = current_database())
        then 'a logical replication slot reads this database, and its consumer would receive deletes and inserts'
    when c.relrowsecurity then 'it has row security policies'
    when exists (select from pg_inherits where inhparent = c.oid or inhrelid = c.oid) then 'it has inheritance parents or children'
    when exists (select from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
                 and (attidentity = 'a' or attgenerated <> '')) then 'it has a generated column'
end
from pg_class c where c.oid = {table_text}::regclass
