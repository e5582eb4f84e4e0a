-- Works on the items of these slots, but for those that are left out. Only tick.sql calls it, which holds the slots and has marked them: it is
-- part of that one statement, and has the rights of the role that runs the statement. For the work itself see work_functions.sql.
--
-- To read all ids costs a fifth of the speed, to count what was changed nothing. So where as many items as were `expected` are found, they
-- are taken for the same, and `digest` and `present` are null; where not, the ids are read: `present` is how many there are, changed or not.
-- Where the work need not change each item, the ids are read each time, and those that are not left out count as done.
drop function if exists {group}.increment(text, integer[], bigint);
create or replace function {group}.increment(
    worker text, slots integer[], expected bigint, left_out {key_type}[], out items bigint, out digest bigint, out present bigint)
language plpgsql as $body$
#variable_conflict use_column
begin
    if left_out is null then
        items := {group}.work_on_slots(worker, slots);
    else
        items := {group}.work_on_slots_but(worker, slots, left_out);
    end if;
    if items is null then
        select count(*), coalesce(bit_xor({key_hash}(w.{key}, 1)), 0), count(*) filter (where w.{key} not in (select unnest(increment.left_out)))
        into present, digest, items from {table} w
        where {group}.slot_of(w.{key}) = any (array(select unnest(increment.slots))){and_filter};
    elsif items is distinct from expected then
        select count(*), coalesce(bit_xor({key_hash}(w.{key}, 1)), 0) into present, digest from {table} w
        where {group}.slot_of(w.{key}) = any (array(select unnest(increment.slots))){and_filter};
    end if;
end $body$;
revoke all on function {group}.increment(text, integer[], bigint, {key_type}[]) from public;
