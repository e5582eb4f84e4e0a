-- Prolongs a term that nobody has followed, be its lease over or not. $4 tells whether the leader hears members.
update scaler.leader
set expires_at = clock_timestamp() + make_interval(secs => $3),
    lease = make_interval(secs => $3),
    deaf_since = case when not $4 then coalesce(deaf_since, clock_timestamp()) end
where term = $1 and holder = $2
