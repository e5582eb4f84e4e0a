-- Takes the next term when nobody holds one that lasts. A commit that is just checking the term is waited for.
update scaler.leader set term = term + 1, holder = $1, expires_at = clock_timestamp() + make_interval(secs => $2)
where holder is null or expires_at <= clock_timestamp()
returning term
