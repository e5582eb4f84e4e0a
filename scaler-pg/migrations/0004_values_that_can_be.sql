-- Values that cannot be are refused, whoever writes them: one odd UPDATE must not stop everybody, or let a sum overflow. NOT VALID, so that what
-- stands there already does not keep this from being installed.

-- Counts stay exact as numbers of JSON, too, and far from the end of bigint. A worker's name is what scaler_core::WorkerId takes.
alter table {group}.slot
    add constraint slot_owner_is_a_name check (owner collate "C" ~ '^[!-~]{1,253}$') not valid,
    add constraint slot_counts_can_be check (
        epoch between 0 and 9007199254740991 and last_tick between 0 and 9007199254740991
        and ticks between 0 and 9007199254740991 and term between 0 and 9007199254740991) not valid,
    add constraint slot_moved_at_is_finite check (isfinite(moved_at)) not valid;

alter table {group}.leader
    add constraint leader_term_can_be check (term between 0 and 9007199254740991) not valid,
    add constraint leader_times_are_finite check (isfinite(expires_at) and isfinite(deaf_since) and isfinite(elected_at)) not valid;

-- How long the leader's lease lasts: by that, and not by what a candidate asks for, a lease is told from one by a clock that has fallen since.
alter table {group}.leader add column lease interval check (lease between interval '0' and interval '1 day');

alter table {group}.meta add constraint meta_ahead_can_be check (ahead_ms between 0 and 1000000000000000) not valid;

-- As before; and a slot is ticked once at a time, and moves in a term that there is.
create or replace function {group}.guard_slot() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
    if new.epoch not in (old.epoch, old.epoch + 1)
       or (new.epoch = old.epoch and (new.owner, new.incarnation) is distinct from (old.owner, old.incarnation)) then
        raise exception 'slot %: ownership changes with an epoch one higher (% to %)', old.slot, old.epoch, new.epoch
            using errcode = 'integrity_constraint_violation';
    end if;
    if new.last_tick < old.last_tick or new.ticks < old.ticks or new.term < old.term then
        raise exception 'slot %: last_tick, ticks and term never fall', old.slot
            using errcode = 'integrity_constraint_violation';
    end if;
    if new.ticks > old.ticks + 1 then
        raise exception 'slot %: ticks rise by one (% to %)', old.slot, old.ticks, new.ticks
            using errcode = 'integrity_constraint_violation';
    end if;
    if new.term > old.term and new.term > (select l.term from {group}.leader l) then
        raise exception 'slot %: no term % has begun', old.slot, new.term using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;

drop trigger guard_slot on {group}.slot;
create trigger guard_slot before update on {group}.slot for each row
    when ((new.owner, new.incarnation, new.epoch) is distinct from (old.owner, old.incarnation, old.epoch)
          or new.last_tick < old.last_tick or new.ticks not in (old.ticks, old.ticks + 1) or new.term <> old.term)
    execute function {group}.guard_slot();

-- No slot is ticked ahead of the clock: it would not be ticked again before its time has come. Once a statement, since a trigger for each row would
-- cost every tick a call for every slot.
create function {group}.guard_ticks() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
declare
    latest constant bigint := (select c.tick + 1 from {group}.clock() c);
    wrong record;
begin
    if (select max(n.last_tick) from later n) > latest then
        -- Those that were so before may have been ticked by a clock that has fallen since.
        select n.slot, n.last_tick into wrong from later n join earlier o using (slot)
        where n.last_tick > latest and n.last_tick > o.last_tick limit 1;
        if found then
            raise exception 'slot %: tick % has not begun', wrong.slot, wrong.last_tick using errcode = 'integrity_constraint_violation';
        end if;
    end if;
    return null;
end $$;

create trigger guard_ticks after update on {group}.slot referencing old table as earlier new table as later
    for each statement execute function {group}.guard_ticks();

create or replace function {group}.guard_leader() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if new.term not in (old.term, old.term + 1) then
        raise exception 'the term rises by one (% to %)', old.term, new.term using errcode = 'integrity_constraint_violation';
    end if;
    raise exception 'a leadership begins at present and lasts for a day at most' using errcode = 'integrity_constraint_violation';
end $$;

drop trigger guard_leader on {group}.leader;
create trigger guard_leader before update on {group}.leader for each row
    when (new.term not in (old.term, old.term + 1)
          or (new.expires_at is distinct from old.expires_at and new.expires_at > clock_timestamp() + interval '1 day')
          or (new.deaf_since is distinct from old.deaf_since and new.deaf_since > clock_timestamp() + interval '1 minute')
          or (new.elected_at is distinct from old.elected_at and new.elected_at > clock_timestamp() + interval '1 minute'))
    execute function {group}.guard_leader();

-- Ticks go on from the last one that was done, and never back; see sql/catch_up.sql.
create function {group}.guard_clock() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
declare
    last constant bigint := (select coalesce(max(s.last_tick), 0) from {group}.slot s);
begin
    if new.ahead_ms < old.ahead_ms
       or (extract(epoch from clock_timestamp()) * 1000 + new.ahead_ms) / new.tick_ms > last + 2 then
        raise exception 'ticks go on from the last one, % (ahead_ms: % to %)', last, old.ahead_ms, new.ahead_ms
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;

create trigger guard_clock before update on {group}.meta for each row
    when (new.ahead_ms <> old.ahead_ms) execute function {group}.guard_clock();
