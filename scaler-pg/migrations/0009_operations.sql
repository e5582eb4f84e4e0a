-- Wishes of operators, one row for each subject: a worker, a slot, or all rebalancing. Every leader reads them with the slots, so no role may
-- write what the leader could not read.
create table {group}.wish (
    kind    text not null check (kind in ('pause', 'cordon', 'drain', 'weight', 'pin')),
    subject text collate "C" not null,
    worker  text collate "C" check (worker ~ '^[!-~]{1,253}$'),
    slot    integer check (slot between 0 and 65535),
    weight  bigint check (weight between 1 and 4294967295),
    made_by text not null check (length(made_by) <= 200),
    note    text not null check (length(note) <= 200),
    since   timestamptz not null default clock_timestamp() check (isfinite(since)),
    primary key (kind, subject),
    constraint wish_can_be check ((case kind
        when 'pause' then subject = '' and worker is null and slot is null and weight is null
        when 'pin' then subject = slot::text and worker is not null and weight is null
        when 'weight' then subject = worker and slot is null and weight is not null
        else subject = worker and slot is null and weight is null
    end) is true)
);

-- What changed, when and why. The leader appends, and deletes what is too old or too much.
create table {group}.event (
    id            bigint generated always as identity primary key,
    at            timestamptz not null default clock_timestamp() check (isfinite(at)),
    kind          text not null check (kind collate "C" ~ '^[a-z ]{1,32}$'),
    worker        text collate "C" check (worker ~ '^[!-~]{1,253}$'),
    former        text collate "C" check (former ~ '^[!-~]{1,253}$'),
    cause         text check (length(cause) <= 4000),
    made_by       text check (length(made_by) <= 200),
    said          text not null check (length(said) <= 4000),
    slots         integer[] not null default '{}',
    planned_slots bigint check (planned_slots >= 0),
    planned_items bigint check (planned_items >= 0),
    minimum_slots bigint check (minimum_slots >= 0),
    minimum_items bigint check (minimum_items >= 0),
    moved_slots   bigint check (moved_slots >= 0),
    took_ms       bigint check (took_ms >= 0)
);

-- View of the leader, for the standbys that show it. It is written each second, and a lost one costs nothing.
create unlogged table {group}.view (
    one  boolean primary key default true check (one),
    at   timestamptz not null check (isfinite(at)),
    body text not null check (length(body) <= 1000000)
) with (fillfactor = 10);
