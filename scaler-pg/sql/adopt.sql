select {group}.adopt($1, $2), {group}.installation()
