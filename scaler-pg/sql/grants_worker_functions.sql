-- Statements that let a worker execute the tick, and nothing else: no table is within its reach.
select format(statement, $1::text) from unnest(array[
    'grant usage on schema public to %I',
    'grant usage on schema scaler to %I',
    'grant execute on function scaler.tick(text, uuid, integer, integer, bigint[], uuid[]) to %I',
    'grant execute on function scaler.tick_around_as_owner(text, uuid, integer, integer, uuid[], uuid[]) to %I',
    'grant execute on function scaler.try_to_write_as_owner(text, uuid) to %I',
    'grant execute on function scaler.items(text, uuid, integer, integer) to %I',
    'grant execute on function scaler.adopt(text, uuid), scaler.installation() to %I',
    'grant execute on function scaler.claim_orphans(text, uuid, bigint, bigint) to %I'
]) with ordinality as statements(statement, place) order by place
