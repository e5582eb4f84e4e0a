//! The control plane: observes workers and items, and moves slots.
//!
//! [`phase_of`] is the failure detector. [`ControlPlane`] is a pure state machine that turns the phases of all members into
//! transfers. [`run`] is the thin driver that leads, looks, and commits.

mod census;
mod debounce;
mod driver;
mod event;
mod failure_detector;
mod flap_damping;
mod generations;
mod history;
mod leadership;
mod mass_failure;
mod move_rate;
mod owners;
mod planner;
mod preview;
mod recorder;
mod steering;
mod step;
mod tick_age;
mod waiting;

use std::time::Duration;

pub use driver::run;
pub use event::{Commit, ControlEvent};
pub use failure_detector::{Heartbeat, MemberPhase, Session, Signals, Thresholds, phase_of};
pub use generations::StalledRollout;
pub use preview::{Change, Preview, Share, preview};
pub use steering::Steering;
pub use step::{ControlPlane, Decision, Observation};
pub use waiting::Waiting;

use crate::RingSource;

/// Configuration of a control plane: placement of slots, intervals and limits.
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// Ring that places the slots.
    pub ring: RingSource,
    /// Duration of a lease unless it is renewed. It is renewed three times as often, as long as the last successful turn is no
    /// longer ago than this.
    pub lease: Duration,
    /// Interval between two looks at the workers. Looks that take long are made less often.
    pub scan_interval: Duration,
    /// Interval to the next look while a transfer waits for its tick or a worker is late.
    pub handover_interval: Duration,
    /// Debounce: time to wait for further joins and drains before slots move for one, at most five times this in total. Slots of
    /// lost workers never wait.
    pub debounce: Duration,
    /// Flap damping window, and maximum wait. A worker that was gone n times within this time waits 2^n s after each return
    /// before it is given slots. A process that ended before it had run for this time counts three times, unless the same process
    /// came back. Zero turns damping off. Slots without an owner never wait.
    pub damping: Duration,
    /// Move rate limit: maximum number of slots per second that move while their owners work. Slots that no worker ticks always
    /// move at once.
    pub moves_per_s: u32,
    /// Maximum time for which workers of several revisions may coexist without progress of the rollout. After it, workers of
    /// older revisions are given slots like the newest.
    pub rollout_limit: Duration,
    /// Minimum time between two counts of the items. Counts that take long are made less often.
    pub census_interval: Duration,
    /// Minimum time between rebalances for load alone.
    pub load_rebalance_interval: Duration,
    /// Tolerated unevenness: a worker may carry this much more than its fair share before slots move for load; 0.1 is a tenth
    /// more.
    pub tolerance: f64,
    /// Time after which a silent member is removed from the membership.
    pub sweep_after: Duration,
    /// Maximum number of slots in one commit.
    pub commit_limit: usize,
    /// Time-outs of the failure detector.
    pub thresholds: Thresholds,
}

impl Default for ControlConfig {
    /// Sticky ring, lease of 5 s, a look every 250 ms and every 100 ms during a hand-over, debounce of 1 s, flap damping within
    /// 60 s, 4096 moves per second, 10 min for a stalled rollout, a count every second, 10 s between rebalances for load,
    /// tolerance of 10 %, silent members removed after 60 s, 4096 slots per commit.
    fn default() -> Self {
        Self {
            ring: RingSource::default(),
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
