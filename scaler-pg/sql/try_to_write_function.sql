-- Tries to change up to eight items of others in the name of this worker, each change taken back at once. Gives one that was refused, with the
-- reason, where all were, and nulls where one was not, or where there is none.
create or replace function {group}.try_to_write(worker text, life uuid, out refused {key_type}, out state text, out said text)
language plpgsql as $body$
#variable_conflict use_column
declare
    candidate {key_type};
begin
    perform set_config('lock_timeout', '50ms', true);
    set constraints all immediate;
    for candidate in
        with places as (
            -- From all places on the circle of slots: those of others first, and of them those that were ticked in this tick already, since a tick
            -- passes over an item that is locked, if only for a moment.
            select p.place from {group}.meta m, {group}.clock() now, lateral (select floor(random() * m.slots)::integer as place from generate_series(1, 64)) p
            join {group}.slot s on s.slot = p.place
            order by (s.owner, s.incarnation) is not distinct from (worker, life), s.last_tick < now.tick limit 8
        )
        select distinct found.id from places, lateral (
            select coalesce(
                (select w.{key} from {table} w where {group}.slot_of(w.{key}) >= place{and_filter} order by {group}.slot_of(w.{key}) limit 1),
                (select w.{key} from {table} w where {group}.slot_of(w.{key}) >= 0{and_filter} order by {group}.slot_of(w.{key}) limit 1)
            ) as id
        ) as found where found.id is not null
    loop
        begin
            if {group}.work_on_items(worker, array[{group}.slot_of(candidate)], array[candidate]) = 0 then
                raise exception 'the row was not updated: a trigger, a rule or a row security policy of the table suppressed it' using errcode = 'no_data_found';
            end if;
            raise exception 'rolled back' using errcode = 'SC000';
        exception
            when sqlstate 'SC000' then
                refused := null;
                state := null;
                said := null;
                return;
            when lock_not_available or deadlock_detected then
                -- The row is locked, which proves nothing.
                null;
            when others then
                refused := candidate;
                get stacked diagnostics state = returned_sqlstate, said = message_text;
        end;
    end loop;
end $body$;
revoke all on function {group}.try_to_write(text, uuid) from public;
