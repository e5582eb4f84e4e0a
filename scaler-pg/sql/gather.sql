-- Puts the rows of these slots beside each other: each is taken out and put back as it was, all its columns, in one statement.
with taken as (
    delete from {table} w where {group}.slot_of(w.{key}) = any (array(select unnest($1::integer[]))){and_filter} returning w.*
)
insert into {table} select * from taken order by {group}.slot_of({key}), {key}
