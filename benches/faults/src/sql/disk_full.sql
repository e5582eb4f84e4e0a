-- What Postgres answers when its disk is full, in its own words and by its own code. To fill a disk would need a disk to fill.
create or replace function public.disk_full() returns trigger language plpgsql as $$ begin
    raise exception 'could not extend file "base/16384/16385": No space left on device' using errcode = 'disk_full';
end $$;
create trigger disk_full before update on public.work_items for each statement execute function public.disk_full()
