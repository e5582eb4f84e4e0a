-- Removes the dead row versions of the table of work. Cancels an autovacuum of the same table, which is throttled by its cost delay. Indexes
-- are cleaned up in any case: until then, bitmap scans read the entries of dead versions.
vacuum (index_cleanup on, truncate off, parallel 0) {table}
