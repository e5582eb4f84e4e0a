-- One row: what the file is.
create table meta (
    one integer primary key check (one = 1),
    installation text not null,
    slots integer not null,
    key_type text not null,
    tick_ms integer not null,
    -- Ticks by which the present tick is ahead of the clock.
    ahead integer not null default 0
) strict;

create table slot (
    slot integer primary key,
    worker text,
    incarnation text,
    epoch integer not null default 0,
    -- Latest epoch whose work is known to have ended.
    ended integer not null default 0,
    last_tick integer not null default 0,
    ticks integer not null default 0,
    -- Tick in which the slot last changed its owner.
    moved integer not null default 0,
    -- Cause of that change.
    cause text
) strict;
create index slot_owner on slot (worker, incarnation);

create table work_items (
    id any primary key,
    value integer not null default 0,
    currentworker text,
    slot integer not null,
    -- Ticks of the slot when the item was inserted: value = slot.ticks - since, unless a tick left the item out.
    since integer not null
) strict;
create index work_items_slot on work_items (slot);

-- At most one row: the latest leadership.
create table leader (
    one integer primary key check (one = 1),
    term integer not null,
    holder text not null,
    lease_ms integer not null,
    lease_ends_ms integer not null,
    elected_in integer not null,
    -- Time since which every renewal reported that the leader hears no members.
    deaf_since_ms integer
) strict;
