lock table {table} in exclusive mode
