-- Ticks leave these slots for their next try, and moves wait, until the transaction ends.
select slot from {group}.slot where slot = any ($1) order by slot for no key update
