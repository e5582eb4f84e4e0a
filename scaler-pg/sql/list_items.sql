select id, value, currentworker::text as worker from public.work_items order by id limit $1
