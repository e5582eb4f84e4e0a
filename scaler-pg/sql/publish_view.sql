-- Replaces the view of the leader.
insert into {group}.view as v (at, body) values (clock_timestamp(), $1)
on conflict (one) do update set at = excluded.at, body = excluded.body
