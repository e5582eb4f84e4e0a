-- Repeats a tick after Postgres has refused tick.sql, or after it has waited too long for the lock of another session: refused and locked items
-- are left out of this tick, and all others are ticked.
--
-- Finds them by halving: a subtransaction ticks several slots; if it fails, each half of the slots is tried, and of a single slot each half of
-- its items. A few refused items among very many take few attempts, and a failed attempt costs little.
--
-- A column of the user's table may have any name: where a filter of the user stands, variables have the name of their function or block.

-- Works on these items, whose slots the caller has marked, and names those that are refused, with the reason. At the deadline it stops.
create or replace function {group}.increment_part(worker text, ids {key_type}[], deadline timestamptz)
returns table (slots bigint, items bigint, refused {key_type}, state text, said text) language plpgsql as $body$
#variable_conflict use_variable
declare
    half constant integer := cardinality(ids) / 2;
begin
    if coalesce(cardinality(ids), 0) = 0 or clock_timestamp() > deadline then
        return;
    end if;
    begin
        items := coalesce(
            {group}.work_on_items(worker, array(select distinct {group}.slot_of(id) from unnest(ids) id), ids), cardinality(ids));
        if items < cardinality(ids) then
            raise exception 'the row was not updated: a trigger, a rule or a row security policy of the table suppressed it' using errcode = 'no_data_found';
        end if;
        slots := 0;
        return next;
        return;
    exception when others then
        get stacked diagnostics state = returned_sqlstate, said = message_text;
    end;
    if half > 0 then
        return query select * from {group}.increment_part(worker, ids[:half], deadline);
        return query select * from {group}.increment_part(worker, ids[half + 1:], deadline);
        return;
    end if;
    slots := 0;
    items := 0;
    refused := ids[1];
    return next;
end $body$;

-- Ticks these slots, which the caller holds, but for the items that are left out. At the deadline it stops: what it has not come to is not
-- ticked.
create or replace function {group}.tick_part(worker text, tick bigint, batch integer[], left_out {key_type}[], deadline timestamptz)
returns table (slots bigint, items bigint, refused {key_type}, state text, said text) language plpgsql as $body$
#variable_conflict use_column
declare
    half constant integer := cardinality(batch) / 2;
    free {key_type}[];
begin
    if cardinality(batch) = 0 or clock_timestamp() > deadline then
        return;
    end if;
    begin
        update {group}.slot s set last_tick = tick, ticks = s.ticks + 1 where s.slot = any (batch);
        get diagnostics slots = row_count;
        free := array(
            select w.{key} from {table} w
            where {group}.slot_of(w.{key}) = any (array(select unnest(tick_part.batch)))
              and w.{key} not in (select unnest(tick_part.left_out)){and_filter}
            {lock_items});
        items := coalesce({group}.work_on_items(worker, batch, free), cardinality(free));
        if items < cardinality(free) then
            raise exception 'some rows were not updated' using errcode = 'no_data_found';
        end if;
        return next;
        return;
    exception when others then
        get stacked diagnostics state = returned_sqlstate, said = message_text;
    end;
    if half > 0 then
        return query select * from {group}.tick_part(worker, tick, batch[:half], left_out, deadline);
        return query select * from {group}.tick_part(worker, tick, batch[half + 1:], left_out, deadline);
        return;
    end if;
    -- Not in a subtransaction: what is refused here is no item, but all that this worker does.
    update {group}.slot s set last_tick = tick, ticks = s.ticks + 1 where s.slot = any (batch);
    get diagnostics slots = row_count;
    free := array(
        select w.{key} from {table} w
        where {group}.slot_of(w.{key}) = any (array(select unnest(tick_part.batch)))
          and w.{key} not in (select unnest(tick_part.left_out)){and_filter}
        {lock_items});
    items := 0;
    return next;
    return query select * from {group}.increment_part(worker, free, deadline);
end $body$;

-- The tick of these slots of a worker. `left_out` are items not to be tried, `suspects` such as are to be tried apart from the others: they
-- were refused before. `refused`, `states` and `said` are the items that are refused now, with SQLSTATEs and messages.
create or replace function {group}.tick_around(worker text, life uuid, first integer, before integer, left_out {key_type}[], suspects {key_type}[])
returns table (
    tick bigint, into_ms integer, tick_ms integer, slots integer, installation uuid, owned bigint, fence bigint, ticked bigint,
    left_over bigint, items bigint, digest bigint, present bigint, locked bigint, took_us bigint,
    refused {key_type}[], states text[], said text[])
language plpgsql as $body$
#variable_conflict use_column
<<local>>
declare
    -- Well before the statement timeout, and enough for some ten thousand attempts.
    deadline constant timestamptz := clock_timestamp() + interval '1 second';
    mine integer[];
    wanted integer[];
    due integer[];
    marked integer[];
begin
    -- A locked row is skipped; other waits, such as for the row of a foreign key, must not take the whole time.
    perform set_config('lock_timeout', '50ms', true);
    -- What is checked at the end would fail there, for all.
    set constraints all immediate;
    select now.tick, now.into_ms, now.tick_ms into tick, into_ms, tick_ms from {group}.clock() now;
    select m.slots, m.installation into slots, installation from {group}.meta m;
    select coalesce(array_agg(s.slot), '{}'), coalesce(bit_xor(hashint8extended(s.epoch, s.slot)), 0) into mine, fence from {group}.slot s
    where s.owner = worker and s.incarnation = life and s.slot >= first and s.slot < before;
    owned := cardinality(mine);
    wanted := array(
        select s.slot from {group}.slot s
        where s.slot = any (mine) and s.last_tick < tick
          and (s.slot = (select min(slot) from unnest(mine) slot)
               -- Backward, as in tick.sql.
               or s.slot = (select {group}.slot_of(w.{key}) from {table} w where {group}.slot_of(w.{key}) <= s.slot{and_filter}
                            order by {group}.slot_of(w.{key}) desc limit 1)));
    due := array(
        select s.slot from {group}.slot s
        where s.slot = any (wanted) and s.owner = worker and s.incarnation = life and s.last_tick < tick
        order by s.last_tick, s.slot
        for no key update of s skip locked);
    select coalesce(sum(p.slots), 0), coalesce(sum(p.items), 0), coalesce(array_agg(p.refused) filter (where p.refused is not null), '{}'),
           coalesce(array_agg(p.state) filter (where p.refused is not null), '{}'),
           coalesce(array_agg(p.said) filter (where p.refused is not null), '{}')
    into ticked, items, refused, states, said from {group}.tick_part(worker, tick, due, left_out || suspects, deadline) p;
    marked := array(select s.slot from {group}.slot s where s.slot = any (due) and s.last_tick = tick);
    -- In a time of their own, or a slot with very many that are refused would be for them alone.
    select tick_around.items + coalesce(sum(p.items), 0),
           tick_around.refused || coalesce(array_agg(p.refused) filter (where p.refused is not null), '{}'),
           tick_around.states || coalesce(array_agg(p.state) filter (where p.refused is not null), '{}'),
           tick_around.said || coalesce(array_agg(p.said) filter (where p.refused is not null), '{}')
    into items, refused, states, said from {group}.increment_part(worker, array(
        select w.{key} from {table} w
        where {group}.slot_of(w.{key}) = any (array(select unnest(local.marked))) and w.{key} = any (tick_around.suspects){and_filter}
        {lock_items}), clock_timestamp() + interval '500 milliseconds') p;
    -- Where all are refused since a column, a type or a function is not there, that lies with the table: nothing is ticked, and it is told as it is.
    if items = 0 and cardinality(refused) > 0
       and not exists (select from unnest(states) as one(state) where one.state not like '42%' or one.state = '42501') then
        raise exception using errcode = states[1], message = said[1];
    end if;
    select count(*), coalesce(bit_xor({key_hash}(w.{key}, 1)), 0),
           count(*) - tick_around.items - cardinality(tick_around.refused) - count(*) filter (where w.{key} in (select unnest(tick_around.left_out)))
    into present, digest, locked from {table} w
    where {group}.slot_of(w.{key}) = any (array(select unnest(local.marked))){and_filter};
    left_over := cardinality(wanted) - ticked;
    took_us := extract(epoch from clock_timestamp() - statement_timestamp()) * 1000000;
    return next;
end $body$;

revoke all on function {group}.increment_part(text, {key_type}[], timestamptz) from public;
revoke all on function {group}.tick_part(text, bigint, integer[], {key_type}[], timestamptz) from public;
revoke all on function {group}.tick_around(text, uuid, integer, integer, {key_type}[], {key_type}[]) from public;
