-- Increments the items of these slots, but for those that are left out. Only tick.sql calls it, which holds the slots and has marked them: it
-- is part of that one statement, and has the rights of the role that runs the statement.
--
-- To read all ids costs a fifth of the speed, to count what was changed nothing. So where as many items as were `expected` are found, they
-- are taken for the same, and `digest` and `present` are null; where not, the ids are read: `present` is how many there are, changed or not.
drop function if exists {group}.increment(text, integer[], bigint);
create or replace function {group}.increment(
    worker text, slots integer[], expected bigint, left_out {key_type}[], out items bigint, out digest bigint, out present bigint)
language plpgsql as $body$
begin
    -- `array(select unnest ...)`, since of an array that it knows the planner might think that it is the whole table. The greatest integer
    -- stays what it is: one such row must not stop the rows beside it.
    if left_out is null then
        update {table} w set value = least(coalesce(w.value, 0), 2147483646) + 1, currentworker = worker
        where {group}.slot_of(w.{key}) = any (array(select unnest(slots)));
    else
        update {table} w set value = least(coalesce(w.value, 0), 2147483646) + 1, currentworker = worker
        where {group}.slot_of(w.{key}) = any (array(select unnest(slots))) and w.{key} not in (select unnest(left_out));
    end if;
    get diagnostics items = row_count;
    if items is distinct from expected then
        select count(*), coalesce(bit_xor({key_hash}(w.{key}, 1)), 0) into present, digest from {table} w
        where {group}.slot_of(w.{key}) = any (array(select unnest(slots)));
    end if;
end $body$;
revoke all on function {group}.increment(text, integer[], bigint, {key_type}[]) from public;
