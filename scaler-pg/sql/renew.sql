-- Prolongs a term that nobody has followed, be its lease over or not.
update scaler.leader set expires_at = clock_timestamp() + make_interval(secs => $3) where term = $1 and holder = $2
