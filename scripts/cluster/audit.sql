-- A witness for the test: every increment, since when each item is there, and every movement of a slot. It runs as its owner,
-- since workers may not write here.
set client_min_messages = warning;
create schema if not exists test;
create table if not exists test.audit (id uuid, tick bigint, worker text);
create index if not exists audit_id_tick on test.audit (id, tick);
create table if not exists test.alive (id uuid primary key, since bigint);

create or replace function test.witness() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
    if tg_op = 'DELETE' then
        delete from test.alive where id = old.id;
    elsif tg_op = 'INSERT' then
        insert into test.alive values (new.id, extract(epoch from statement_timestamp()));
    elsif new.value <> coalesce(old.value, 0) then
        insert into test.audit values (new.id, floor(extract(epoch from statement_timestamp())), new.currentworker);
    end if;
    return null;
end $$;

insert into test.alive select id, extract(epoch from now()) from public.work_items on conflict do nothing;
drop trigger if exists witness on public.work_items;
create trigger witness after insert or update or delete on public.work_items for each row execute function test.witness();

create table if not exists test.moves (number bigint generated always as identity, slot integer, was text, owner text);
create or replace function test.movement() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
    insert into test.moves (slot, was, owner) values (new.slot, old.owner, new.owner);
    return null;
end $$;
drop trigger if exists movement on scaler.slot;
create trigger movement after update on scaler.slot for each row when (new.epoch <> old.epoch) execute function test.movement();
