-- Cause of each slot's last change of owner, for nodes and for people; null if an older version moved it.
alter table {group}.slot add column cause text;
alter table {group}.slot add constraint slot_cause_can_be check (cause ~ '^[a-z ]{1,32}$') not valid;

-- It gets a column more, and is created anew with all other functions.
drop function if exists {group}.holdings(text, uuid, integer, integer);
