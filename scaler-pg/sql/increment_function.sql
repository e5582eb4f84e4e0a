-- Increments the items of these slots. Only tick.sql calls it, which holds the slots and has marked them: it is part of that one
-- statement, and acts with the rights of whoever runs it.
--
-- To return a hash from every row costs a fifth of the speed, to count them nothing. So where as many items as were `expected`
-- are found, they are taken for the same, and `digest` is null; where not, it is read once more.
create or replace function scaler.increment(worker text, slots integer[], expected bigint, out items bigint, out digest bigint)
language plpgsql as $body$
begin
    -- `array(select unnest ...)`, since of an array that it knows the planner might think that it is the whole table.
    if expected is null then
        with incremented as (
            -- The greatest integer stays what it is: one such row must not stop the rows beside it.
            update public.work_items w set value = least(coalesce(w.value, 0), 2147483646) + 1, currentworker = worker
            where scaler.slot_of(w.id) = any (array(select unnest(slots)))
            returning uuid_hash_extended(w.id, 1) as hash
        )
        select count(*), coalesce(bit_xor(hash), 0) into items, digest from incremented;
        return;
    end if;
    update public.work_items w set value = least(coalesce(w.value, 0), 2147483646) + 1, currentworker = worker
    where scaler.slot_of(w.id) = any (array(select unnest(slots)));
    get diagnostics items = row_count;
    if items <> expected then
        digest := (select coalesce(bit_xor(uuid_hash_extended(w.id, 1)), 0) from public.work_items w
                   where scaler.slot_of(w.id) = any (array(select unnest(slots))));
    end if;
end $body$
