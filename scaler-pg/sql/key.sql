-- Whether the key of the table names each row: not null, and with a unique index on it. In a partitioned table, such an index must also hold the
-- columns that the table is partitioned by. And whether its collation tells different texts apart.
with key as (
    select a.attrelid, a.attnum, a.attnotnull, a.attcollation from pg_attribute a
    where a.attrelid = {table_text}::regclass and a.attname = {key_name} and not a.attisdropped
)
select k.attnotnull as is_not_null,
       exists (
           select from pg_index i where i.indrelid = k.attrelid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
           and k.attnum = any (i.indkey::smallint[])
           and not exists (
               select from unnest(i.indkey::smallint[]) with ordinality as other(attnum, place)
               where place <= i.indnkeyatts and other.attnum <> k.attnum
               and other.attnum <> all (coalesce((select p.partattrs::smallint[] from pg_partitioned_table p where p.partrelid = k.attrelid), '{}')))
       ) as is_unique,
       coalesce((select c.collisdeterministic from pg_collation c where c.oid = k.attcollation), true) as is_deterministic
from key k
