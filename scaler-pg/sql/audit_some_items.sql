-- As audit_items.sql, for a few slots, by their index; of very many items the first ones.
select w.{key}, {group}.slot_of(w.{key}) as slot, coalesce(w.value, 0) as value from {table} w
where {group}.slot_of(w.{key}) = any ($1){and_filter} order by w.{key} limit $2
