insert into {table} (id, value) select gen_random_uuid(), 0 from generate_series(1, $1) returning id
