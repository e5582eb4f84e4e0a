-- The ids to print: read-only, apart from the tick, and only when the tick's digest shows a change.
select w.{key} from {table} w
where {group}.slot_of(w.{key}) = any (array(
    select s.slot from {group}.slot s
    where s.owner = $1 and s.incarnation = $2 and s.slot >= $3 and s.slot < $4)){and_filter}
order by w.{key}
