-- What a queue needs beside the original's columns: which pass did a row last, and an index to find the others by.
create table public.queue_items as select id, value, currentworker, 0::bigint as pass from public.work_items limit 0;
alter table public.queue_items add primary key (id);
alter table public.queue_items set (fillfactor = 25);
create index queue_items_pass on public.queue_items (pass)
