-- Which ones does not matter; those that a worker is just incrementing are passed over for others.
delete from {table} where {key} = any (array(
    select {key} from {table} limit $1 for update skip locked))
