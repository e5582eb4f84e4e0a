-- A restart in place: takes what stands under its name, in slot order as every writer of slots does.
with found as materialized (
    select s.slot from scaler.slot s where s.owner = $1 and s.incarnation <> $2 order by s.slot for no key update
)
update scaler.slot s set incarnation = $2, epoch = s.epoch + 1, moved_at = statement_timestamp()
where s.slot = any (array(select slot from found)) and s.owner = $1 and s.incarnation <> $2
