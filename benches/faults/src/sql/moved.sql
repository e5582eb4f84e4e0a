-- Slots that changed hands since a moment, and those that only followed their worker into its next life.
select count(*) filter (where gave is distinct from took) as moved, count(*) filter (where gave = took) as adopted
from public.audit_moves where at > to_timestamp($1) and at <= to_timestamp($2)
