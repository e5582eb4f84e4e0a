-- Sends a wake-up notification: see membership_functions.sql.
select {group}.wake_up($1)
