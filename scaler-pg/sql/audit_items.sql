-- Every item with its value, in the order of the ids, so that two looks can be compared while the second one passes by.
select w.{key}, {group}.slot_of(w.{key}) as slot, coalesce(w.value, 0) as value from {table} w where w.{key} is not null{and_filter} order by w.{key}
