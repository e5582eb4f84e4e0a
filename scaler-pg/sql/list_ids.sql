-- The first items of a table of which only the key is known.
select w.{key} as id, null::integer as value, null::text as worker from {table} w
where w.{key} is not null{and_filter} order by w.{key} limit $1
