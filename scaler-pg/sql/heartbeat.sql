-- Joins a member, or renews its heartbeat: see membership_functions.sql.
select {group}.heartbeat($1, $2, $3, $4, $5)
