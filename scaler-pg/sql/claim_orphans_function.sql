-- Leaderless healing: takes slots that nobody ticks, at most so many, once no lease has lasted for 10 s. A function, because a worker's
-- role may neither read who leads nor change who owns a slot.
--
-- The rules stand here and not in the call, so that no worker can bend them: 10 s, 3 whole ticks, or one where the owner's session
-- is gone. Whether sessions can be seen at all, the caller's own tells: a pooler may hide them.
create or replace function scaler.claim_orphans(worker text, life uuid, most bigint, out wait_ms bigint, out claimed bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
    free_from timestamptz;
begin
    claimed := 0;
    select coalesce(l.expires_at, clock_timestamp()) + interval '10 seconds' into free_from from scaler.leader l;
    wait_ms := greatest(ceil(extract(epoch from free_from - clock_timestamp()) * 1000), 0);
    if wait_ms > 0 then
        return;
    end if;
    with now as materialized (
        select c.*, m.ahead_ms from scaler.clock() c, scaler.meta m
    ), sessions as materialized (
        select a.application_name as name from pg_stat_activity a
        where a.datname = current_database() and a.application_name like 'scaler-worker %'
    ), owners as materialized (
        -- Sorted by nothing, one row an owner: its last sign of life, and how many whole ticks it may be silent. What moved before the
        -- clock fell, and so later than now, is no sign; by the clock as it is at last, since others claim meanwhile.
        select s.owner, s.incarnation,
               max(greatest(s.last_tick, case when s.moved_at <= clock_timestamp()
                   then (floor(extract(epoch from s.moved_at) * 1000)::bigint + now.ahead_ms) / now.tick_ms end)) as sign,
               case when exists (select from sessions where name = 'scaler-worker ' || life)
                         and not exists (select from sessions where name = 'scaler-worker ' || s.incarnation)
                    then 1 else 3 end as patience
        from scaler.slot s, now where s.owner is not null group by s.owner, s.incarnation, now.tick_ms, now.ahead_ms
    ), silent as materialized (
        select o.owner, o.incarnation from owners o, now where now.tick - o.sign > o.patience
    ), found as materialized (
        select s.slot from scaler.slot s
        where s.owner is null or (s.owner, s.incarnation) in (select owner, incarnation from silent)
        order by s.slot
        limit most
    ), office as materialized (
        -- Held against a new term until the claim is done; only when there is something to claim.
        select from scaler.leader l
        where l.expires_at <= clock_timestamp() - interval '10 seconds' and exists (select from found)
        for share
    ), orphans as materialized (
        select s.slot from scaler.slot s
        where exists (select from office)
          and (s.owner is null or (s.owner, s.incarnation) in (select owner, incarnation from silent))
        order by s.slot
        limit most
        for no key update skip locked
    )
    update scaler.slot s set owner = worker, incarnation = life, epoch = s.epoch + 1, moved_at = statement_timestamp()
    where s.slot = any (array(select slot from orphans));
    get diagnostics claimed = row_count;
end $body$;
revoke all on function scaler.claim_orphans(text, uuid, bigint) from public
