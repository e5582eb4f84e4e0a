-- Retires these workers of one installation, and no others: see membership_functions.sql.
select {group}.retire($1, $2)
