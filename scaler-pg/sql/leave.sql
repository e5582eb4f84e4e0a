-- Removes one incarnation: see membership_functions.sql.
select {group}.leave($1, $2)
