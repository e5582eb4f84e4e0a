-- Puts the rows of these slots beside each other: each is taken out and put back as it was, all its columns, in one statement.
with taken as (
    delete from public.work_items w where scaler.slot_of(w.id) = any (array(select unnest($1::integer[]))) returning w.*
)
insert into public.work_items select * from taken order by scaler.slot_of(id), id
