-- Renews a term that no other has followed, even if its lease has expired. $4 is true if the leader hears members.
update {group}.leader
set expires_at = clock_timestamp() + make_interval(secs => $3),
    lease = make_interval(secs => $3),
    deaf_since = case when not $4 then coalesce(deaf_since, clock_timestamp()) end
where term = $1 and holder = $2
