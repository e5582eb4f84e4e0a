select id, coalesce(value, 0) from {table} where id is not null order by id limit $1
