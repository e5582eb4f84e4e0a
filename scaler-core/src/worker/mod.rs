//! A worker: ticks what it owns, says that it lives, and hands over before it leaves.
//!
//! [`Worker`] is a pure state machine; [`run`] is the thin driver that does what it asks for.

mod chunks;
mod drain;
mod driver;
mod event;
mod item_list;
mod orphan_claims;
mod protocol;
mod recurring_call;
mod schedule;
mod shortfall;
mod step;
mod tick_round;
mod tick_rounds;
mod write_check;

use std::time::Duration;

pub use driver::run;
pub use event::{Ending, IdleReason, WorkerEvent};
pub use protocol::{Effect, Input};
pub use step::Worker;

use crate::MemberKey;

/// How a worker behaves in time.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Its name and incarnation.
    pub key: MemberKey,
    /// How often it may try within a tick: the first try does the work, the others what was left, since it was just changing
    /// hands. Where nothing was left it waits for the next tick, or for a wake-up notification.
    pub tries_per_tick: u32,
    /// Maximum number of concurrent tick statements, each for up to 64,000 items: at least 1. More help only where one
    /// worker has more items than one session of the store can do in a tick; where the store is busy, they only delay each other.
    pub ticks_at_once: usize,
    /// The time from one heartbeat to the next.
    pub heartbeat_interval: Duration,
    /// How long it waits to be relieved of its slots before it leaves with them.
    pub drain_timeout: Duration,
    /// The wait after a first failure of the store; it doubles with every further one.
    pub first_retry: Duration,
    /// The longest such wait.
    pub longest_retry: Duration,
    /// Where nobody leads: about how long it waits before it asks for orphans again. Where somebody does, it asks when leadership might
    /// have been over for long.
    pub claim_interval: Duration,
    /// How many orphans it claims at once.
    pub claim_batch: usize,
    /// How many ids its heartbeat shows.
    pub shown_items: usize,
    /// Which rollout it comes from: a word that all workers of one rollout share and no others, if it knows one.
    pub revision: Option<String>,
}

impl WorkerConfig {
    /// The defaults: 4 tries a tick, a statement at a time, a heartbeat a second, 25 s to drain, retries after 50 ms to 1 s, where
    /// nobody leads a question for orphans every 2 s and 256 at once, 10 ids shown, no revision.
    #[must_use]
    pub const fn new(key: MemberKey) -> Self {
        Self {
            key,
            tries_per_tick: 4,
            ticks_at_once: 1,
            heartbeat_interval: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(25),
            first_retry: Duration::from_millis(50),
            longest_retry: Duration::from_secs(1),
            claim_interval: Duration::from_secs(2),
            claim_batch: 256,
            shown_items: 10,
            revision: None,
        }
    }
}
