-- Who leads, and for how long yet.
select term, holder, greatest(extract(epoch from expires_at - clock_timestamp()), 0)::double precision as expires_in_s
from scaler.leader where holder is not null
