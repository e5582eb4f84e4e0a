-- The tick without its fence: a worker increments the items of the slots that it has heard to be its own, and hears that it has lost some up to
-- three seconds late. That is how it is done where the list of work is handed out and the write does not check it. It takes care, as such
-- programs do, not to work twice in a second by itself.
create table public.unfenced (worker text, life uuid, first integer, tick bigint, heard bigint, slots integer[], primary key (worker, life, first));

do $replace$
declare
    fenced regproc := 'scaler.tick';
begin
    -- What the tick takes and gives is read from the function that it replaces.
    execute format($create$
        create or replace function scaler.tick(%s) returns %s
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        #variable_conflict use_column
        declare
            now record;
            known record;
            own integer[];
        begin
            select * into now from scaler.clock();
            own := array(select slot from scaler.slot s where s.owner = $1 and s.incarnation = $2 and s.slot >= $3 and s.slot < $4);
            insert into public.unfenced
            values ($1, $2, $3, 0, now.tick, own)
            on conflict do nothing;
            select * into known from public.unfenced u where u.worker = $1 and u.life = $2 and u.first = $3;
            items := 0;
            if known.tick < now.tick then
                update public.work_items w set value = coalesce(w.value, 0) + 1, currentworker = $1
                where scaler.slot_of(w.id) = any (known.slots || own);
                get diagnostics items = row_count;
                update scaler.slot s set last_tick = greatest(s.last_tick, now.tick), ticks = s.ticks + 1
                where s.slot = any (known.slots || own);
            end if;
            update public.unfenced u
            set tick = now.tick,
                heard = case when now.tick >= u.heard + 3 then now.tick else u.heard end,
                slots = case when now.tick >= u.heard + 3 then own else u.slots end
            where u.worker = $1 and u.life = $2 and u.first = $3;
            tick := now.tick;
            into_ms := now.into_ms;
            tick_ms := now.tick_ms;
            select m.slots, m.installation into slots, installation from scaler.meta m;
            select count(*), coalesce(bit_xor(hashint8extended(s.epoch, s.slot)), 0) into owned, fence
            from scaler.slot s where s.owner = $1 and s.incarnation = $2 and s.slot >= $3 and s.slot < $4;
            ticked := cardinality(own);
            left_over := 0;
            digest := 0;
            locked := 0;
            took_us := 0;
            return next;
        end $body$
        $create$, pg_get_function_identity_arguments(fenced), pg_get_function_result(fenced));
end $replace$
