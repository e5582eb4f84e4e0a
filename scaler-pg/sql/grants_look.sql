-- Statements that let a role look at everything and change nothing.
select format(statement, $1::text) from unnest(array[
    'grant usage on schema public to %I',
    'grant usage on schema scaler to %I',
    'grant select on scaler.meta, scaler.slot, scaler.leader, scaler.migration to %I',
    'grant select (id, value, currentworker) on public.work_items to %I',
    'grant execute on function scaler.clock(), scaler.slot_of(uuid) to %I'
]) with ordinality as statements(statement, place) order by place
