-- A chunk by a cached list of slots, as one would trust it without a fence.
update public.work_items set value = value + 1, currentworker = $1 where scaler.slot_of(id) = any ($2)
