select {key}, null::integer, null::text from {table} where {key} = any ($1)
