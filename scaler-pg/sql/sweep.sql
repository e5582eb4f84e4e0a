-- Removes all members that were silent for longer than this many seconds: see membership_functions.sql.
select {group}.sweep(make_interval(secs => $1))
