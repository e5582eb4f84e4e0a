//! Catalog of all faults: their numbers, names and functions.

use std::future::Future;
use std::pin::Pin;

use crate::error::Result;
use crate::faults::{
    control, control_plane, fleet, hostile, load, page, postgres, redis, refused, secrets, servers, soak, storms, vanished,
    workers,
};
use crate::report::Report;
use crate::stage::Stage;

/// A fault that can be requested by number or name.
#[derive(Debug)]
pub struct Fault {
    /// Its number.
    pub number: u8,
    /// Its name.
    pub name: &'static str,
    /// Action, and condition that must hold, in one line.
    pub what: &'static str,
    /// Runs in which it is played.
    pub when: When,
    /// Function that plays it.
    pub play: fn(Stage) -> Playing,
}

/// Runs in which a fault is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In every run.
    Always,
    /// Not in a short run, unless it is named.
    InFull,
    /// Only if it is named.
    Named,
}

/// A fault that is being played.
pub type Playing = Pin<Box<dyn Future<Output = Result<Report>>>>;

macro_rules! faults {
    ($($number:literal $name:literal $when:ident $play:path: $what:literal;)*) => {
        /// All faults, in order. The text in brackets is the limit of the longest gap.
        pub const FAULTS: &[Fault] = &[
            $(Fault { number: $number, name: $name, what: $what, when: When::$when, play: |stage| Box::pin($play(stage)) }),*
        ];
    };
}

faults! {
    0 "negative-control" Always control::the_fence_is_off: "the fence is switched off: the oracle must find doubles";
    1 "kill-worker" Always workers::kill: "SIGKILL one worker, again and again [2 s; owned again within 2 s; only its slots move]";
    1 "lose-worker-host" InFull workers::lose_host: "a worker and its network vanish, so that its session stays [6 s; only its slots move]";
    2 "pause-worker" Always workers::pause: "SIGSTOP one worker for 10 s, then CONT [6 s; owned again within 4 s]";
    3 "pause-in-flight" InFull workers::pause_in_flight: "SIGSTOP while its statement runs, and it never reads the result [6 s]";
    3 "pause-unfinished" InFull workers::pause_unfinished: "SIGSTOP while its transaction is open and holds its slots [6 s]";
    4 "kill-all-workers" Always workers::kill_all: "kill -9 all workers at once, start them again [outage + 2 s; no slot moves]";
    5 "drain-worker" Always fleet::drain: "SIGTERM one worker [0 missed; only its slots move]";
    6 "scale-up" Always fleet::scale_up: "from 3 workers to 10 [0 missed; the fewest slots move, with at most 7 of 10 items]";
    7 "scale-down" InFull fleet::scale_down: "from 10 workers to 3 [0 missed; only the leavers' slots move]";
    8 "rolling-restart" InFull fleet::rolling_restart: "a rollout of 6 workers, one after the other [0 missed; each slot moves once]";
    9 "restart-in-place" Always fleet::restart_in_place: "kill -9, and start again under the same name [2 s; no slot moves]";
    9 "same-name-twice" Always fleet::same_name_twice: "two processes with one name [the older one stops and says so; no slot moves]";
    10 "worker-flaps" InFull fleet::flapping: "a worker dies and comes back every 5 s, for 5 min [moves a minute bounded by damping]";
    11 "worker-clocks" InFull fleet::clocks_apart: "the clocks of workers are an hour off [no effect]";
    12 "kill-leader" Always control_plane::kill_leader: "kill the idle leader [0 missed; the next leads within 6 s]";
    13 "kill-leader-and-worker" Always control_plane::kill_leader_and_worker: "kill leader and a worker together [11 s]";
    14 "pause-leader" InFull control_plane::pause_leader: "SIGSTOP the leader for 20 s while its moves are on their way [no stale write]";
    15 "no-control-plane" InFull control_plane::none: "every control plane down for 5 min, and a worker killed meanwhile [21 s]";
    16 "leader-without-redis" InFull control_plane::cut_from_redis: "the leader cut from Redis only [0 missed, 0 moves]";
    17 "redis-down" Always redis::down: "Redis down for 5 min [0 missed, 0 moves]";
    18 "redis-flushed" Always redis::flushed: "FLUSHALL ten times [0 missed, 0 moves]";
    19 "redis-fails-over" InFull servers::redis_fails_over: "Redis dies, Sentinel promotes its replica [0 missed, 0 moves]";
    20 "worker-without-redis" InFull redis::worker_cut: "one worker cut from Redis for 60 s [0 missed, 0 moves]";
    21 "redis-clock" InFull servers::redis_clock_jumps: "the clock of Redis jumps by an hour, and back [0 missed, 0 moves]";
    22 "redis-refuses" InFull redis::refuses: "wrong password, wrong type at the key [clear error, nothing overwritten, 0 missed]";
    23 "postgres-restarts" Always postgres::restarts: "Postgres restarts [outage + 2 s; connections a second bounded]";
    23 "sessions-terminated" InFull postgres::sessions_terminated: "pg_terminate_backend of every session [2 s; connections a second bounded]";
    23 "thousand-return" InFull storms::thousand_return: "Postgres and Redis return under 1,000 workers, 300 in a short run; then Postgres has places for a quarter of their sessions [connections a second bounded; none is refused for ever]";
    24 "failover-address" InFull servers::failover_by_address: "Postgres dies, its standby takes over at its address, without the last second [outage + 3 s]";
    24 "failover-hosts" InFull servers::failover_by_hosts: "the same, programs know both hosts [outage + 3 s]";
    25 "worker-without-postgres" Always postgres::worker_cut: "one worker cut from Postgres only [7 s; it gets nothing until it ticks]";
    26 "clock-ahead" InFull servers::clock_jumps_ahead: "the clock of Postgres jumps 30 s ahead [stall 6 s]";
    26 "clock-back" InFull servers::clock_jumps_back: "the clock of Postgres jumps 30 s back [stall 6 s; the fall is counted]";
    27 "item-locked" Always postgres::item_locked: "a user's transaction locks one item for 30 s [only that item misses]";
    29 "postgres-far-away" InFull servers::far_away: "Postgres 100 ms away, 5 % of packets lost [missed ticks recorded]";
    30 "pgbouncer" InFull servers::pooled: "all through PgBouncer in transaction mode; a worker drains, one dies [6 s; 0 missed by the drain]";
    31 "postgres-refuses" InFull postgres::refuses: "disk full, read-only, no privilege, no table, another shape [clear error; healed at once when mended]";
    32 "rows-inserted" InFull load::rows_inserted: "50,000 rows inserted at once, 3 workers join [first tick within 2 s, p99]";
    33 "from-zero" InFull load::from_zero: "no rows, no workers, then one row [seconds to its first tick]";
    36 "many-workers" Always load::many_workers: "500 workers and 4,096 slots, 1,000 and 65,536: one joins, one leaves [a plan within 0.1 s; the least moves]";
    37 "mix" InFull soak::mix: "a seeded random mix of faults, for as long as asked [all invariants; it heals]";
    38 "hundred-million" Named soak::hundred_million: "the mix until 10^8 increments are done [all invariants; it heals]";
    39 "poison-rows" Always refused::poison_rows: "Postgres refuses one row in 1,000, then one in ten, then all of one worker, and accepts them again [0 missed by others after 2 s; 0 moves; ticked again within 31 s]";
    40 "two-systems-one-redis" InFull redis::two_systems: "two systems with the same names of workers share one Redis for 60 s [0 missed and 0 moves in either; strangers named]";
    41 "hostile-roles" Always hostile::hostile_roles: "each role sets every column that it may write to extremes and calls every function with hostile arguments [hard and looking roles: 0 missed, 0 moves; all roles: steady 15 s later]";
    42 "leader-hangs" Always control_plane::statements_hang: "every statement of the leader hangs for good, its lease not [another leads within 15 s; 0 missed]";
    43 "redis-cluster-resharded" InFull redis::cluster_resharded: "the slot of our keys moves to another node of a Redis Cluster and back, key by key, within a minute each [heard again within 5 s of the end; 0 missed, 0 moves]";
    44 "table-locked" InFull postgres::table_locked: "the whole table is locked for 30 s, as by ALTER TABLE [0 moves; back within 2 s]";
    45 "idle-transaction" InFull load::idle_transaction: "a transaction stands idle for 10 min beside full load [0 moves; steady within 10 s of its end; the alert fires]";
    47 "adopted-full-table" InFull load::adopted_full_table: "8 workers adopt a table of 600,000 rows in random order, its pages full [all ticked each second within 30 s, the table at most 5 x as large, and then 0 missed]";
    48 "secrets-rotated" InFull secrets::rotated: "password, certificate and authority of Postgres and Redis change while all work on [0 missed, 0 moves]";
    52 "viewers" Always page::viewers: "1,000 viewers read a page slowly or not at all, clients send hostile requests, Redis is away meanwhile [0 missed, 0 moves; no view older than 5 s; the page says how old Redis' answers are]";
    57 "redis-vanishes" Always redis::vanishes: "Redis' machine gone without a word, another Redis at its address; at once a worker joins and a rollout begins [heard again within 5 s; 0 missed]";
    57 "postgres-vanishes" Always vanished::postgres: "Postgres is gone without a word, its standby takes over at its address [outage + 6 s; 0 missed by an update afterwards]";
    57 "pooler-vanishes" Always vanished::pooler: "PgBouncer is gone without a word, another takes over at its address [outage + 6 s; 0 missed by an update afterwards]";
    58 "leader-deaf" Always control_plane::deaf: "the leader alone is cut off from Redis; a worker joins, two leave [the joiner shares within 30 s; no row still for 20 s]";
    59 "redis-away" Always redis::away_with_second: "Redis is away for 10 min while Postgres keeps the members, too; meanwhile a worker joins, one leaves, and all are replaced [joins within 10 s, leaves within 5 s; 0 missed]";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::FAULTS;

    #[test]
    fn names_are_unique_and_the_documentation_lists_them_all() {
        let names: BTreeSet<_> = FAULTS.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), FAULTS.len());
        let documentation = include_str!("../../../docs/faults.md");
        for fault in FAULTS {
            let line = format!("| {} | `{}` | {} |", fault.number, fault.name, fault.what);
            assert!(documentation.contains(&line), "docs/faults.md lacks: {line}");
        }
    }
}
