-- What belongs to the scaler alone. The table of work stays as its user made it; see prepare_items in src/install.rs.

create table {group}.meta (
    one          boolean primary key default true check (one),
    slots        integer not null check (slots between 256 and 65536 and slots & (slots - 1) = 0),
    hash_version integer not null default 1,
    tick_ms      integer not null default 1000 check (tick_ms between 10 and 60000)
);

-- One row is at once a slot's owner, its fencing token (epoch), its tick de-duplicator and its heartbeat.
-- No index covers what a tick changes, and pages have room: every tick is a heap-only update.
create table {group}.slot (
    slot        integer primary key,
    owner       text,
    incarnation uuid,
    epoch       bigint not null default 0,
    last_tick   bigint not null default 0,
    ticks       bigint not null default 0,
    term        bigint not null default 0,
    moved_at    timestamptz,
    check ((owner is null) = (incarnation is null))
) with (fillfactor = 30);

create index slot_owner on {group}.slot (owner, incarnation, slot);

create table {group}.leader (
    one        boolean primary key default true check (one),
    term       bigint not null default 0,
    holder     uuid,
    expires_at timestamptz
);

insert into {group}.leader default values;

-- The last line of defence: whoever writes, by whatever way, ownership changes exactly with its epoch, and nothing runs backwards.
create function {group}.guard_slot() returns trigger language plpgsql set search_path = pg_catalog as $$
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
    return new;
end $$;

create trigger guard_slot before update on {group}.slot for each row
    when ((new.owner, new.incarnation, new.epoch) is distinct from (old.owner, old.incarnation, old.epoch)
          or new.last_tick < old.last_tick or new.ticks < old.ticks or new.term < old.term)
    execute function {group}.guard_slot();

create function {group}.guard_leader() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    raise exception 'the term never falls (% to %)', old.term, new.term using errcode = 'integrity_constraint_violation';
end $$;

create trigger guard_leader before update on {group}.leader for each row
    when (new.term < old.term) execute function {group}.guard_leader();

-- The tick at which the present statement began, how far into it, and how long it lasts. It is the database's clock, and
-- the same for the whole statement.
create function {group}.clock(out tick bigint, out into_ms integer, out tick_ms integer) language sql stable parallel safe as $$
    select ms / m.tick_ms, (ms % m.tick_ms)::integer, m.tick_ms
    from {group}.meta m, floor(extract(epoch from statement_timestamp()) * 1000) f, cast(f as bigint) ms
$$;

-- Sets the number of slots at the first call and changes nothing afterwards. Gives the number that holds.
--
-- slot_of is the leading bits of the hash by which Postgres partitions: the number stands in its body, so that it is
-- immutable and can be indexed.
create function {group}.set_slots(wanted integer) returns integer language plpgsql set search_path = pg_catalog as $$
declare
    bits integer := log(2, wanted::numeric)::integer;
begin
    insert into {group}.meta (slots) values (wanted) on conflict do nothing;
    if found then
        execute format(
            'create function {group}.slot_of(id {key_type}) returns integer language sql immutable strict parallel safe as '
            '$f$ select (pg_catalog.{key_hash}(id, 0) >> %s)::integer & %s $f$', 64 - bits, wanted - 1);
        insert into {group}.slot (slot) select * from generate_series(0, wanted - 1);
    end if;
    return (select slots from {group}.meta);
end $$;
