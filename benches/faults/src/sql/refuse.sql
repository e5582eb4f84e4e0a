-- Refuses the rows that a table names, for every role.
create table refused (id uuid primary key);

create function refuse() returns trigger language plpgsql security definer set search_path = public as $$
begin
    if exists (select from public.refused r where r.id = new.id) then
        raise exception 'the harness refuses this row' using errcode = 'check_violation';
    end if;
    return new;
end $$;

create trigger refuse before update on public.work_items for each row execute function refuse();
