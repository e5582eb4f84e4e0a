select {group}.acknowledge($1, $2, $3, $4)
