-- Why rows of the table of work cannot be taken out and put back without anybody noticing, if they cannot.
select case
    when exists (select from pg_constraint where contype = 'f' and confrelid = c.oid) then 'a foreign key points at it'
    when exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal) then 'it has a trigger'
    when exists (select from pg_rewrite where ev_class = c.oid) then 'it has a rule'
    when c.relrowsecurity then 'it has row security'
    when exists (select from pg_inherits where inhparent = c.oid or inhrelid = c.oid) then 'it has parents or children'
    when exists (select from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
                 and (attidentity = 'a' or attgenerated <> '')) then 'it has a generated column'
end
from pg_class c where c.oid = 'public.work_items'::regclass
