-- Version of the installed schema.
select coalesce(max(version), 0) from {group}.migration where success
