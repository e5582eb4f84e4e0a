-- Takes the next term when nobody holds one that lasts. A commit that is just checking the term is waited for. A lease that lasts for more than
-- twice the one asked for is by a clock that has fallen since: who holds it may be gone.
update scaler.leader set term = term + 1, holder = $1, expires_at = clock_timestamp() + make_interval(secs => $2)
where holder is null or expires_at not between clock_timestamp() and clock_timestamp() + 2 * make_interval(secs => $2)
returning term
