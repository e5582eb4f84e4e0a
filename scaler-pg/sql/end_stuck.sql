-- Ends the sessions of workers that own one of these slots and have stood still for a second in the middle of a transaction: a worker that
-- is paused, or cut off, between its statement and the end of the transaction would hold its slots for ever, and before version 17
-- no timeout of Postgres sees that. Nothing is lost: what was not committed may be tried again. A role that may not see or end the sessions of
-- others ends none.
select count(pg_terminate_backend(a.pid)) from pg_stat_activity a
where a.datname = current_database() and a.backend_xid is not null and a.wait_event = 'ClientRead'
  and a.query_start < clock_timestamp() - interval '1 second'
  and a.application_name in (select {session_name} || s.incarnation from {group}.slot s where s.slot = any ($1))
