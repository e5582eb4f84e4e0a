-- Who leads, for how long yet, and for how long it has heard no member: null if it hears some. `greatest` ignores nulls.
select term, holder, greatest(extract(epoch from expires_at - clock_timestamp()), 0)::double precision as expires_in_s,
       case when deaf_since is not null
            then greatest(extract(epoch from clock_timestamp() - deaf_since), 0) end::double precision as deaf_for_s
from {group}.leader where holder is not null
