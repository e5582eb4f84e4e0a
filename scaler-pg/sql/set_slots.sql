-- Sets the number of slots at the first call, and returns the number that is installed.
select {group}.set_slots($1)
