-- View of the leader, and its age in seconds.
select greatest(extract(epoch from clock_timestamp() - at), 0)::float8, body from {group}.view
