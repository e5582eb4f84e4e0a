-- The tick without its fence: a worker increments the items of the slots that it has heard to be its own, and hears that it has lost some up to
-- three seconds late. That is how it is done where the list of work is handed out and the write does not check it. It takes care, as such
-- programs do, not to work twice in a second by itself.
create table public.unfenced (worker text, life uuid, first integer, tick bigint, heard bigint, slots integer[], primary key (worker, life, first));

create or replace function scaler.tick(text, uuid, integer, integer, bigint[]) returns table (
    tick bigint, into_ms integer, tick_ms integer, slots integer, owned bigint, fence bigint, ticked bigint, left_over bigint,
    items bigint, digest bigint, locked bigint, took_us bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
#variable_conflict use_column
declare
    now record;
    known record;
    own integer[];
    done bigint := 0;
begin
    select * into now from scaler.clock();
    own := array(select slot from scaler.slot s where s.owner = $1 and s.incarnation = $2 and s.slot >= $3 and s.slot < $4);
    insert into public.unfenced
    values ($1, $2, $3, 0, now.tick, own)
    on conflict do nothing;
    select * into known from public.unfenced u where u.worker = $1 and u.life = $2 and u.first = $3;
    if known.tick < now.tick then
        update public.work_items w set value = coalesce(w.value, 0) + 1, currentworker = $1
        where scaler.slot_of(w.id) = any (known.slots || own);
        get diagnostics done = row_count;
        update scaler.slot s set last_tick = greatest(s.last_tick, now.tick), ticks = s.ticks + 1 where s.slot = any (known.slots || own);
    end if;
    update public.unfenced u
    set tick = now.tick,
        heard = case when now.tick >= u.heard + 3 then now.tick else u.heard end,
        slots = case when now.tick >= u.heard + 3 then own else u.slots end
    where u.worker = $1 and u.life = $2 and u.first = $3;
    return query
    select now.tick, now.into_ms, now.tick_ms, (select m.slots from scaler.meta m),
           count(*), coalesce(bit_xor(hashint8extended(s.epoch, s.slot)), 0), cardinality(own)::bigint, 0::bigint,
           done, 0::bigint, 0::bigint, 0::bigint
    from scaler.slot s where s.owner = $1 and s.incarnation = $2 and s.slot >= $3 and s.slot < $4;
end $body$
