-- Claims orphans: slots that no worker ticks, up to a limit. A function, because the role of a worker may neither read the leader's row nor
-- change owners.
--
-- The rules are in this function and not in the caller, so that a worker cannot bypass them.
-- If no lease has been valid for 10 s: slots without an owner, and slots of owners that were silent for 3 whole ticks, or for one tick if the
-- session of the owner is closed. Sessions count only if the caller's own session is visible: a pooler may hide them.
-- Under a leader: slots of owners that were silent for 15 ticks and got no slot in the last 3, and slots without an owner if the leader has led
-- for that long. Only for a caller that has ticked for that long itself, since the tick `well_since`: after an outage all were silent.
drop function if exists {group}.claim_orphans(text, uuid, bigint);
create or replace function {group}.claim_orphans(
    worker text, life uuid, most bigint, well_since bigint, out wait_ms bigint, out claimed bigint, out unticked bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
    free_from timestamptz;
    leads boolean;
    led_long boolean;
    -- Beside a leader, a slot that was given counts as a tick of so long before: one that is wrong gives slots to the dead.
    respite bigint := 0;
begin
    claimed := 0;
    unticked := 0;
    well_since := greatest(well_since, 0);
    select coalesce(l.expires_at, clock_timestamp()) + interval '10 seconds',
           coalesce(l.elected_at <= clock_timestamp() - 15 * make_interval(secs => m.tick_ms / 1000.0), false)
    into free_from, led_long from {group}.leader l, {group}.meta m;
    leads := free_from > clock_timestamp();
    if leads then
        respite := 11;
    end if;
    if leads and not exists (select from {group}.leader l where l.holder is not null) then
        -- There has been no leader yet: the first leader assigns the slots.
        wait_ms := 10000;
        return;
    end if;
    with now as materialized (
        select c.*, m.ahead_ms from {group}.clock() c, {group}.meta m
    ), sessions as materialized (
        select a.application_name as name from pg_stat_activity a
        where a.datname = current_database() and starts_with(a.application_name, {session_name})
    ), owners as materialized (
        -- Sorted by nothing, one row an owner: its last sign of life, and how many whole ticks it may be silent. What moved before the
        -- clock fell, and so later than now, is no sign; by the clock as it is at last, since others claim meanwhile.
        select s.owner, s.incarnation, count(*) as slots,
               max(greatest(s.last_tick, case when s.moved_at <= clock_timestamp()
                   then (floor(extract(epoch from s.moved_at) * 1000)::bigint + now.ahead_ms) / now.tick_ms - respite end)) as sign,
               max(greatest(s.last_tick, case when s.moved_at <= clock_timestamp()
                   then (floor(extract(epoch from s.moved_at) * 1000)::bigint + now.ahead_ms) / now.tick_ms end)) as any_sign,
               case when leads then 14
                    when exists (select from sessions where name = {session_name} || life)
                         and not exists (select from sessions where name = {session_name} || s.incarnation)
                    then 1 else 3 end as patience
        from {group}.slot s, now where s.owner is not null group by s.owner, s.incarnation, now.tick_ms, now.ahead_ms
    ), judged as materialized (
        select (not leads or now.tick - well_since > 14) as may, (not leads or led_long) as takes_free,
               (select count(*) from {group}.slot s where s.owner is null)
                   + (select coalesce(sum(o.slots), 0) from owners o where now.tick - o.any_sign > 7) as unticked,
               -- An owner that falls silent now is an orphan in 15 ticks, and the caller may claim then.
               least(greatest(15 - now.tick + greatest((select min(o.sign) from owners o), well_since), 1), 15) * now.tick_ms as wait_ms
        from now
    ), silent as materialized (
        select o.owner, o.incarnation from owners o, now, judged j where j.may and now.tick - o.sign > o.patience
    ), found as materialized (
        select s.slot from {group}.slot s, judged j
        where (s.owner is null and j.may and j.takes_free) or (s.owner, s.incarnation) in (select owner, incarnation from silent)
        order by s.slot
        limit most
    ), office as materialized (
        -- Held against a new term until the claim is done; only when there is something to claim.
        select from {group}.leader l
        where (leads or l.expires_at <= clock_timestamp() - interval '10 seconds') and exists (select from found)
        for share
    ), orphans as materialized (
        select s.slot from {group}.slot s, judged j
        where exists (select from office)
          and ((s.owner is null and j.may and j.takes_free) or (s.owner, s.incarnation) in (select owner, incarnation from silent))
        order by s.slot
        limit most
        for no key update of s skip locked
    ), taken as (
        update {group}.slot s
        set owner = worker, incarnation = life, epoch = s.epoch + 1, moved_at = statement_timestamp(), cause = 'claimed'
        where s.slot = any (array(select slot from orphans))
        returning s.slot
    )
    select (select count(*) from taken), j.unticked,
           case when leads and not exists (select from found)
                then least(j.wait_ms, greatest(ceil(extract(epoch from free_from - clock_timestamp()) * 1000), 1)) else 0 end
    into claimed, unticked, wait_ms from judged j;
end $body$;
revoke all on function {group}.claim_orphans(text, uuid, bigint, bigint) from public
