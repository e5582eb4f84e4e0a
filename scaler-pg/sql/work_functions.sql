-- The work of this group on items of slots that the caller holds and has marked: in slots $2; but for items $3; of these only items $3. $1 is
-- the worker's name. Each returns how many items were changed; null if the work does not change each item, so that the number says nothing.
--
-- Parameters have no names, and a name that is ambiguous is a column: a column of the user's table may have any name. `array(select unnest
-- ...)`, since of an array that it knows the planner might think that it is the whole table.
--
-- All roles may execute them: they have the rights of the caller. So running workers go on while a new version is installed.
create or replace function {group}.work_on_slots(text, integer[]) returns bigint language plpgsql as $body$
#variable_conflict use_column
declare
    changed bigint;
begin
    {work_on_slots}
    ;
    get diagnostics changed = row_count;
    return {changed};
end $body$;

create or replace function {group}.work_on_slots_but(text, integer[], {key_type}[]) returns bigint language plpgsql as $body$
#variable_conflict use_column
declare
    changed bigint;
begin
    {work_on_slots_but}
    ;
    get diagnostics changed = row_count;
    return {changed};
end $body$;

create or replace function {group}.work_on_items(text, integer[], {key_type}[]) returns bigint language plpgsql as $body$
#variable_conflict use_column
declare
    changed bigint;
begin
    {work_on_items}
    ;
    get diagnostics changed = row_count;
    return {changed};
end $body$;
