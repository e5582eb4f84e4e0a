//! Worker: ticks the slots that it owns, sends heartbeats, and hands its slots over before it leaves.
//!
//! [`Worker`] is a pure state machine; [`run`] is the driver that carries out its effects.

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

/// Configuration of a worker: limits and intervals.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Name and incarnation of the worker.
    pub key: MemberKey,
    /// Number of tick rounds scheduled per tick. The first does the work; the others take slots that were left because they were changing
    /// hands. If none were left, the worker waits for the next tick or for a wake-up notification.
    pub tries_per_tick: u32,
    /// Maximum number of concurrent tick statements, each for up to 64,000 items: at least 1. More than one helps only if a worker has more
    /// items than one session of the store can tick in time; on a busy store, concurrent statements only delay each other.
    pub ticks_at_once: usize,
    /// Interval between heartbeats.
    pub heartbeat_interval: Duration,
    /// Maximum time to wait for the hand-over of all slots before the worker leaves with the rest.
    pub drain_timeout: Duration,
    /// Wait after the first failure of the store; it doubles with each further failure.
    pub first_retry: Duration,
    /// Maximum wait after failures of the store.
    pub longest_retry: Duration,
    /// Approximate interval between claims of orphaned slots while there is no leader. Otherwise the store tells when the next claim may
    /// succeed.
    pub claim_interval: Duration,
    /// Maximum number of orphaned slots per claim.
    pub claim_batch: usize,
    /// Number of item ids in each heartbeat.
    pub shown_items: usize,
    /// Identifier of the rollout that the worker belongs to, shared by all workers of that rollout and no others; `None` if unknown.
    pub revision: Option<String>,
}

impl WorkerConfig {
    /// Returns the default configuration: 4 tries per tick, 1 statement at a time, 1 heartbeat per second, 25 s to drain, retries after 50
    /// ms to 1 s, without a leader a claim about every 2 s for at most 256 slots, 10 item ids per heartbeat, no revision.
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
