select id, value, currentworker::text as worker from {table} order by id limit $1
