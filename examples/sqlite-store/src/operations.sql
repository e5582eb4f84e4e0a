-- Wishes of operators and the log of events; made at each opening, since files of earlier versions have neither.
create table if not exists wish (
    kind text not null,
    subject text not null,
    worker text,
    slot integer,
    weight integer,
    made_by text not null,
    note text not null,
    since_ms integer not null,
    primary key (kind, subject)
) strict;

create table if not exists event (
    id integer primary key autoincrement,
    at_ms integer not null,
    kind text not null,
    worker text,
    former text,
    cause text,
    made_by text,
    said text not null,
    -- Numbers of the slots that moved, as JSON.
    slots text not null,
    -- Figures of a rebalance, as JSON; null if it is none.
    figures text
) strict;
