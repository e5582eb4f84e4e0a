-- Remembers what the group is installed for.
update {group}.meta set work_table = $1, work_key = $2, work_key_type = $3, work_filter = $4, work_statement = $5, index_filter = $6
where (work_table, work_key, work_key_type, work_filter, work_statement, index_filter) is distinct from ($1, $2, $3, $4, $5, $6)
