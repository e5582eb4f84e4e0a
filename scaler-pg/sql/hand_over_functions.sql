-- Hand-over of work outside of the database: what an owner holds, and the acknowledgements that travel in the slot's row. Functions, because
-- the role of a worker may not write any other column of a slot.
create or replace function {group}.holdings(worker text, life uuid, first integer, before integer)
returns table (slot integer, epoch bigint, ended bigint, cause text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $body$
    select s.slot, s.epoch, s.ended, s.cause from {group}.slot s
    where s.owner = worker and s.incarnation = life and s.slot >= first and s.slot < before
    order by s.slot
$body$;
revoke all on function {group}.holdings(text, uuid, integer, integer) from public;

-- The present epoch is ended only by its owner, which is checked on the locked row. Slots are locked in order, as every writer of slots does.
create or replace function {group}.acknowledge(worker text, life uuid, slots integer[], epochs bigint[]) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
    acknowledged bigint;
begin
    with said as materialized (
        select a.slot, max(a.epoch) as epoch from unnest(slots, epochs) as a(slot, epoch) group by a.slot
    ), seen as materialized (
        select s.slot, s.epoch, (s.owner, s.incarnation) is not distinct from (worker, life) as is_own
        from {group}.slot s where s.slot in (select said.slot from said)
        order by s.slot for no key update
    )
    update {group}.slot s set ended = least(said.epoch, seen.epoch - case when seen.is_own then 0 else 1 end)
    from seen join said using (slot)
    where s.slot = seen.slot and s.ended < least(said.epoch, seen.epoch - case when seen.is_own then 0 else 1 end);
    get diagnostics acknowledged = row_count;
    return acknowledged;
end $body$;
revoke all on function {group}.acknowledge(text, uuid, integer[], bigint[]) from public
