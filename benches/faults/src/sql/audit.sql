-- The oracle: it writes down every increment, every change of a slot's owner and every term, without asking the program. The tick is that
-- of the database's clock at which the increment's statement began. All names are whole and all functions run as
-- their maker, since a worker's role may write nowhere else and brings a search path of its own.
create table public.audit (
    id uuid, slot integer, tick bigint, at timestamptz, worker text, owner text, epoch bigint, step integer);
create index audit_tick on public.audit (tick);

-- One statement for all rows of a chunk: the trigger must not become the load. Its plan is kept from the first chunk, which may have been
-- small, so that it must not be a nested loop.
create function public.audit() returns trigger language plpgsql security definer
set search_path = pg_catalog set enable_nestloop = off as $$ begin
    insert into public.audit
    select a.id, s.slot, (select tick from scaler.clock()), clock_timestamp(), a.currentworker, s.owner, s.epoch,
           a.value - coalesce(b.value, 0)
    from after_update a join before_update b on b.id = a.id join scaler.slot s on s.slot = scaler.slot_of(a.id);
    return null;
end $$;
create trigger audit after update on public.work_items
    referencing old table as before_update new table as after_update for each statement execute function public.audit();

-- Commits and terms share one order: a term is entered after all commits under the one before it, as both lock the leader's row.
create sequence public.audit_order;
create table public.audit_moves (
    at timestamptz default clock_timestamp(), slot integer, gave text, took text,
    epoch_before bigint, epoch bigint, fell boolean);
create function public.audit_slot() returns trigger language plpgsql security definer set search_path = pg_catalog as $$ begin
    insert into public.audit_moves (slot, gave, took, epoch_before, epoch, fell)
    values (new.slot, old.owner, new.owner, old.epoch, new.epoch,
            new.last_tick < old.last_tick or new.ticks < old.ticks or new.term < old.term);
    return null;
end $$;
create trigger audit_slot after update on scaler.slot for each row
    when ((new.owner, new.incarnation, new.epoch) is distinct from (old.owner, old.incarnation, old.epoch)
          or new.last_tick < old.last_tick or new.ticks < old.ticks or new.term < old.term)
    execute function public.audit_slot();

-- Only a leader writes a term with its move. A worker that claims an orphan, or adopts its own slot, has none.
create table public.audit_commits (place bigint default nextval('public.audit_order'), term bigint);
create function public.audit_commit() returns trigger language plpgsql security definer set search_path = pg_catalog as $$ begin
    insert into public.audit_commits (term) values (new.term);
    return null;
end $$;
create trigger audit_commit after update of term on scaler.slot for each row
    when (new.owner is distinct from old.owner) execute function public.audit_commit();

create table public.audit_terms (
    place bigint default nextval('public.audit_order'), at timestamptz default clock_timestamp(), term bigint, holder uuid);
create function public.audit_leader() returns trigger language plpgsql security definer set search_path = pg_catalog as $$ begin
    insert into public.audit_terms (term, holder) values (new.term, new.holder);
    return null;
end $$;
create trigger audit_leader after update on scaler.leader for each row
    when (new.term <> old.term) execute function public.audit_leader();

-- Values and ticks as they stood when the watch began.
create table public.audit_before (id uuid primary key, value integer, slot integer, ticks bigint);

-- What was folded: see fold.sql.
create table public.audit_totals (
    increments bigint, doubles bigint, steps_other_than_one bigint, increments_by_others_than_the_owner bigint, folded_to bigint);
insert into public.audit_totals values (0, 0, 0, 0, 0);
create table public.audit_sums (id uuid primary key, steps bigint)
