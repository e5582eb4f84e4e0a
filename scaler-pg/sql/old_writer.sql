-- Whether a transaction that began two seconds ago or earlier has written to the table of work, or to one that inherits from it: an index cannot be made
-- beside it, and would be left half made.
with recursive family(oid) as (
    select to_regclass({table_text})::oid
    union
    select i.inhrelid from pg_inherits i join family f on i.inhparent = f.oid
)
select exists (
    select from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.relation in (select oid from family) and l.granted and l.pid <> pg_backend_pid()
      and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
      and a.xact_start < clock_timestamp() - interval '2 seconds')
