-- Latest epoch of each slot at which work outside of the database is known to have ended; see sql/hand_over_functions.sql.
alter table {group}.slot add column ended bigint not null default 0;
alter table {group}.slot add constraint slot_ended_can_be check (ended between 0 and epoch) not valid;

create function {group}.guard_ended() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    raise exception 'slot %: the epoch that has ended never falls (% to %)', old.slot, old.ended, new.ended
        using errcode = 'integrity_constraint_violation';
end $$;

create trigger guard_ended before update on {group}.slot for each row
    when (new.ended < old.ended) execute function {group}.guard_ended();
