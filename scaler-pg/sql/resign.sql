-- Ends a lease so that the next candidate need not wait. The holder stays, and with it the fence.
update {group}.leader set expires_at = clock_timestamp() where term = $1 and holder = $2
