-- Sessions that were asked for since a moment, and those of them that found no place, all and the most within a second, by the log of the
-- server, which stands beside its data and names times in seconds.
with lines as materialized (
    select substring(line from '^[0-9.]+')::float8 as at, line like '%FATAL%' as refused
    from regexp_split_to_table(pg_read_file('../log'), E'\n') as line
    where line ~ '^[0-9]+\.[0-9]+ (LOG:  connection received|FATAL:  too many connections)'
), counted as (
    select refused, count(*) over (partition by refused order by at range between current row and 1.0::float8 following) as within
    from lines where at >= $1
)
select count(*) filter (where not refused) as "all",
       coalesce(max(within) filter (where not refused), 0) as most_within_a_second,
       count(*) filter (where refused) as refused,
       coalesce(max(within) filter (where refused), 0) as refused_within_a_second
from counted
