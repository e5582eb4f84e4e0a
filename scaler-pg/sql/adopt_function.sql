-- A restart in place: takes what stands under its name, in slot order as every writer of slots does. A function, because a worker's
-- role may not change who owns a slot: this is the one change that it may make.
create or replace function {group}.adopt(worker text, life uuid) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
    adopted bigint;
begin
    with found as materialized (
        select s.slot from {group}.slot s where s.owner = worker and s.incarnation <> life order by s.slot for no key update
    )
    update {group}.slot s set incarnation = life, epoch = s.epoch + 1, moved_at = statement_timestamp(), cause = 'adopted'
    where s.slot = any (array(select slot from found)) and s.owner = worker and s.incarnation <> life;
    get diagnostics adopted = row_count;
    return adopted;
end $body$;
revoke all on function {group}.adopt(text, uuid) from public
