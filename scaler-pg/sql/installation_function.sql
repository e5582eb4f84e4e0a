-- The identity of this installation. A copy of the database (a restored dump, a copy of a template) gets one of its own with the first
-- call, since the original may work on beside it. A standby that was promoted keeps it: it is the same cluster's database.
--
-- A function, because no role but the owner's may change {group}.meta; in PL/pgSQL, because a reader must not fail where the server
-- hides its identity.
create or replace function {group}.installation() returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
    here text := (select d.oid::text from pg_database d where d.datname = current_database());
    known {group}.meta;
begin
    begin
        here := (select c.system_identifier::text from pg_control_system() c) || '/' || here;
    exception when insufficient_privilege then
        null;
    end;
    select * into strict known from {group}.meta;
    if known.place is not distinct from here or pg_is_in_recovery() then
        return known.installation;
    end if;
    -- Where the place was not noted yet, nothing was copied.
    update {group}.meta m set place = here, installation = case when m.place is null then m.installation else gen_random_uuid() end
    where m.place is not distinct from known.place;
    return (select m.installation from {group}.meta m);
end $body$;
revoke all on function {group}.installation() from public
