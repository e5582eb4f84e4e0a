-- Takes the next term if no lease is valid. Waits for a commit that is just checking the term. A lease that ends later than in twice its
-- length was written before the clock went back: it counts as expired, since its holder may be gone.
--
-- $3 is true if the candidate hears members. Such a candidate also replaces a leader that has heard none for 10 s. A candidate that hears
-- none waits 2 s longer for an expired lease.
update {group}.leader
set term = term + 1, holder = $1, expires_at = clock_timestamp() + make_interval(secs => $2), lease = make_interval(secs => $2), deaf_since = null,
    elected_at = clock_timestamp()
where holder is null
   or expires_at > clock_timestamp() + 2 * coalesce(lease, make_interval(secs => $2))
   or expires_at <= clock_timestamp() - case when $3 then interval '0' else interval '2 seconds' end
   or ($3 and deaf_since <= clock_timestamp() - interval '10 seconds')
returning term
