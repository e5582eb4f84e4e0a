-- Members, for a membership on Postgres. Heartbeats come each second, and a lost record costs nothing: the next heartbeat restores it. So the
-- table is unlogged: no heartbeat waits for the disk, and a crash empties the table.
--
-- No index covers what a heartbeat changes, and pages have room: every heartbeat is a heap-only update. Names sort by their bytes. `said` is of
-- type json, which keeps the text as it is: jsonb refuses some characters.
create unlogged table {group}.member (
    worker       text collate "C" not null,
    installation uuid not null,
    incarnation  uuid not null,
    state        text not null,
    said         json not null,
    seen_at      timestamptz not null,
    primary key (worker, installation)
) with (fillfactor = 30);

-- Incarnations that lost their name, and workers that are retired. They change rarely and are logged: a crash neither gives a name back to
-- an incarnation that lost it, nor reinstates a worker.
create table {group}.member_superseded (
    incarnation uuid primary key,
    since       timestamptz not null
);

create table {group}.member_retired (
    installation uuid not null,
    worker       text collate "C" not null,
    primary key (installation, worker)
);

-- Number of wake-up notifications so far, of members and of all others. Programs behind a pooler in transaction mode cannot listen, and look
-- at these instead. Sequences, because no session waits for another one to count.
create sequence {group}.wake_ups_of_members;
create sequence {group}.wake_ups_of_others;
