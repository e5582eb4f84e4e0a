-- Takes the next term when nobody holds one that lasts. A commit that is just checking the term is waited for. A lease that ends later than in
-- twice its length is by a clock that has fallen since: its holder may be gone.
--
-- $3 tells whether the candidate hears members. One that does also takes the place of a leader that has heard none for 10 s; one that does
-- not comes 2 s later to a lease that ran out.
update scaler.leader
set term = term + 1, holder = $1, expires_at = clock_timestamp() + make_interval(secs => $2), lease = make_interval(secs => $2), deaf_since = null,
    elected_at = clock_timestamp()
where holder is null
   or expires_at > clock_timestamp() + 2 * coalesce(lease, make_interval(secs => $2))
   or expires_at <= clock_timestamp() - case when $3 then interval '0' else interval '2 seconds' end
   or ($3 and deaf_since <= clock_timestamp() - interval '10 seconds')
returning term
