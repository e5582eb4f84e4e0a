//! The control plane: watches workers and items, and moves slots.
//!
//! [`phase_of`] is the failure detector; [`ControlPlane`] turns the phases of all members into transfers, as a pure
//! state machine; [`run`] is the thin driver that leads, looks, and commits.

mod census;
mod debounce;
mod driver;
mod event;
mod failure_detector;
mod flap_damping;
mod generations;
mod leadership;
mod mass_failure;
mod move_rate;
mod owners;
mod planner;
mod step;
mod tick_age;

use std::time::Duration;

pub use driver::run;
pub use event::ControlEvent;
pub use failure_detector::{Heartbeat, MemberPhase, Session, Signals, Thresholds, phase_of};
pub use generations::StalledRollout;
pub use step::{ControlPlane, Decision, Observation};

use crate::RingKind;

/// How a control plane places slots, and how it behaves in time.
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// Which ring places the slots.
    pub ring: RingKind,
    /// How long a leadership lasts unless it is renewed. It is renewed three times as often, as long as the last turn that succeeded is no
    /// longer ago than this.
    pub lease: Duration,
    /// The time from one look at the workers to the next. Looks that take long are made less often.
    pub scan_interval: Duration,
    /// The time to the next look when a transfer waits for its tick, or a worker is late.
    pub handover_interval: Duration,
    /// Debounce: how long to wait for further joins and drains before slots move for one; no longer than five times
    /// that. What a lost worker owned never waits.
    pub debounce: Duration,
    /// Who was gone n times within this time waits 2^n s after each return before it is given slots, but not longer than this time.
    /// A process that was gone before it had run for this time counts three times, unless it came back itself. Zero turns it off. Slots
    /// without owner never wait.
    pub damping: Duration,
    /// The most slots that move in a second while their owners work. What nobody ticks always moves at once.
    pub moves_per_s: u32,
    /// How long workers of several revisions may stand beside each other, while none comes or goes, before the older ones are given slots like
    /// the newest.
    pub rollout_limit: Duration,
    /// The least time from one count of the items to the next. Counts that take long are made less often.
    pub census_interval: Duration,
    /// The least time between moves for mere unevenness.
    pub load_rebalance_interval: Duration,
    /// How much more than its fair share a worker may carry before items are moved for it: 0.1 is a tenth more.
    pub tolerance: f64,
    /// When a silent member is forgotten.
    pub sweep_after: Duration,
    /// The most slots in one commit.
    pub commit_limit: usize,
    /// When a worker counts as lost.
    pub thresholds: Thresholds,
}

impl Default for ControlConfig {
    /// The sticky ring, a lease of 5 s, a look every 250 ms and every 100 ms during a hand-over, a second to gather, damping within a
    /// minute, 4096 planned moves a second, 10 min for a rollout that stands still, a count every second, 10 s between moves for mere unevenness of more than 10 %,
    /// silent members forgotten after 60 s, 4096 slots a commit.
    fn default() -> Self {
        Self {
            ring: RingKind::default(),
            lease: Duration::from_secs(5),
            scan_interval: Duration::from_millis(250),
            handover_interval: Duration::from_millis(100),
            debounce: Duration::from_secs(1),
            damping: Duration::from_secs(60),
            moves_per_s: 4096,
            rollout_limit: Duration::from_secs(600),
            census_interval: Duration::from_secs(1),
            load_rebalance_interval: Duration::from_secs(10),
            tolerance: 0.1,
            sweep_after: Duration::from_secs(60),
            commit_limit: 4096,
            thresholds: Thresholds::default(),
        }
    }
}
