-- Statements that give a control plane what it needs: it moves slots, counts items and audits their values, but changes
-- no item and no schema.
select format(statement, $1::text) from unnest(array[
    'grant usage on schema public to %I',
    'grant usage on schema scaler to %I',
    'grant select on scaler.meta, scaler.slot, scaler.leader, scaler.migration to %I',
    'grant update (owner, incarnation, epoch, term, moved_at) on scaler.slot to %I',
    'grant update (term, holder, expires_at, lease, deaf_since, elected_at) on scaler.leader to %I',
    'grant update (ahead_ms) on scaler.meta to %I',
    'grant select (id, value) on public.work_items to %I',
    'grant execute on function scaler.clock(), scaler.slot_of(uuid), scaler.installation() to %I'
]) with ordinality as statements(statement, place) order by place
