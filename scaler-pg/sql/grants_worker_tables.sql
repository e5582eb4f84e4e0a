-- Statements that give a worker what its statements need: neither owner nor epoch of a slot, and of an item only what a tick changes.
-- Who may update one column may lock the row.
select format(statement, $1::text) from unnest(array[
    'grant usage on schema public to %I',
    'grant usage on schema scaler to %I',
    'grant select on scaler.meta, scaler.slot to %I',
    'grant update (last_tick, ticks) on scaler.slot to %I',
    'grant select (id, value, currentworker), update (value, currentworker) on public.work_items to %I',
    'grant execute on function scaler.clock(), scaler.slot_of(uuid), scaler.adopt(text, uuid), scaler.installation() to %I',
    'grant execute on function scaler.claim_orphans(text, uuid, bigint, bigint) to %I',
    'grant execute on function scaler.increment(text, integer[], bigint, uuid[]) to %I',
    'grant execute on function scaler.increment_part(text, uuid[], timestamptz) to %I',
    'grant execute on function scaler.tick_part(text, bigint, integer[], uuid[], timestamptz) to %I',
    'grant execute on function scaler.tick_around(text, uuid, integer, integer, uuid[], uuid[]) to %I',
    'grant execute on function scaler.try_to_write(text, uuid) to %I'
]) with ordinality as statements(statement, place) order by place
