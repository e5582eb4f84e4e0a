select {key}, value, currentworker::text from {table} where {key} = any ($1)
