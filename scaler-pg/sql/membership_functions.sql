-- Calls of a membership that change something. They run as the owner of the schema, so that a role can send heartbeats without a privilege
-- on the table of members.

-- Sends a wake-up notification, and counts it for those who cannot listen.
create or replace function {group}.wake_up(message text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
begin
    perform pg_notify({group_name}, message);
    if message = 'members' then
        perform nextval('{group}.wake_ups_of_members');
    else
        perform nextval('{group}.wake_ups_of_others');
    end if;
end $body$;

-- Joins a member, or renews its heartbeat. Returns 'current', 'retiring' or 'superseded'.
create or replace function {group}.heartbeat(worker text, incarnation uuid, installation uuid, state text, said text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
#variable_conflict use_variable
declare
    holder uuid;
begin
    -- The usual case is this one update. A member that has lost its name has no row.
    update {group}.member as m set said = heartbeat.said::json, seen_at = clock_timestamp()
    where m.worker = heartbeat.worker and m.installation = heartbeat.installation
      and m.incarnation = heartbeat.incarnation and m.state = heartbeat.state;
    if not found then
        -- Only one incarnation at a time takes or leaves a name. The lock comes first: each statement sees what was committed before it.
        perform pg_advisory_xact_lock(hashtextextended(worker || ' ' || installation, 0));
        if exists (select from {group}.member_superseded as s where s.incarnation = heartbeat.incarnation) then
            return 'superseded';
        end if;
        holder := (select m.incarnation from {group}.member as m
                   where m.worker = heartbeat.worker and m.installation = heartbeat.installation);
        if holder <> incarnation then
            if state <> 'joining' then
                return 'superseded';
            end if;
            insert into {group}.member_superseded values (holder, clock_timestamp()) on conflict do nothing;
        end if;
        insert into {group}.member as m (worker, installation, incarnation, state, said, seen_at)
        values (worker, installation, incarnation, state, said::json, clock_timestamp())
        on conflict on constraint member_pkey do update
        set incarnation = excluded.incarnation, state = excluded.state, said = excluded.said, seen_at = excluded.seen_at;
        perform {group}.wake_up('members');
    end if;
    if exists (select from {group}.member_retired as r
               where r.installation = heartbeat.installation and r.worker = heartbeat.worker) then
        return 'retiring';
    end if;
    return 'current';
end $body$;

-- Removes one incarnation. Returns whether it was a member.
create or replace function {group}.leave(worker text, incarnation uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
begin
    delete from {group}.member as m where m.worker = leave.worker and m.incarnation = leave.incarnation;
    if found then
        perform {group}.wake_up('members');
        return true;
    end if;
    return false;
end $body$;

-- Removes all members that were silent for too long, and returns their names in order.
create or replace function {group}.sweep(older_than interval) returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
    swept text[];
begin
    delete from {group}.member_superseded as s where clock_timestamp() - s.since > older_than;
    with gone as (
        delete from {group}.member as m where clock_timestamp() - m.seen_at > older_than returning m.worker
    )
    select coalesce(array_agg(g.worker order by g.worker), '{}') into swept from gone as g;
    return swept;
end $body$;

-- Retires the workers of these names in one installation, and no others.
create or replace function {group}.retire(installation uuid, workers text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
begin
    -- Of two calls at once, the later one holds as a whole.
    perform pg_advisory_xact_lock(hashtextextended('retire ' || installation, 0));
    delete from {group}.member_retired as r where r.installation = retire.installation and r.worker <> all (retire.workers);
    insert into {group}.member_retired (installation, worker)
    select retire.installation, w.worker from unnest(retire.workers) as w (worker) on conflict do nothing;
end $body$;

-- Returns how many wake-up notifications there were.
create or replace function {group}.wake_ups(out of_members bigint, out of_others bigint)
language sql security definer set search_path = pg_catalog, pg_temp as $body$
    select m.last_value - (not m.is_called)::integer, o.last_value - (not o.is_called)::integer
    from {group}.wake_ups_of_members as m, {group}.wake_ups_of_others as o
$body$;

revoke all on function {group}.wake_up(text), {group}.heartbeat(text, uuid, uuid, text, text), {group}.leave(text, uuid),
    {group}.sweep(interval), {group}.retire(uuid, text[]), {group}.wake_ups() from public
