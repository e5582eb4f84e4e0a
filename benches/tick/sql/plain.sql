-- The most that Postgres can do: one statement, one session, no fence.
update public.work_items set value = value + 1, currentworker = $1
