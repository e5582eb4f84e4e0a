-- Functions of earlier versions.
drop function if exists {group}.tick(text, uuid, integer, integer), {group}.tick(text, uuid, integer, integer, bigint[]),
    {group}.tick_around_locks(text, uuid, integer, integer)
