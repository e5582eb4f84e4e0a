-- Removes the dead versions of all slots; see vacuum_table.sql.
vacuum (index_cleanup on, truncate off, parallel 0) {group}.slot
