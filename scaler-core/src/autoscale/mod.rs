//! Autoscaler: sets the number of workers according to the number of items.
//!
//! [`Autoscaler`] is a pure state machine: it turns the workload, the workers and their desired number into a decision. [`run`] is the
//! driver that observes and carries out decisions, next to a control plane that leads. [`Fleet`] is the orchestrator that runs the workers.
//!
//! The number of workers needed is `clamp(ceil(items / items_per_worker), min, max)`.
//!
//! - Scale-up is immediate, but within any `up_every` at most by four workers or to twice as many, whichever is more.
//! - Scale-down goes to the highest number needed within `down_window`, within any `down_every` at most by a quarter or by one, and only if
//!   the number falls by more than `band_percent`.
//! - If the items cannot be counted, the current number is kept.
//! - The minimum is reached at once, even if nothing can be read. A control plane that does not lead also raises the number to the minimum,
//!   once, when it starts.
//!
//! Scale-down retires workers first: those with the fewest items are [retired](crate::Membership::retire), so that others take over without
//! a missed tick. The number is lowered, and the workers are terminated, only once they own no slots, are no longer ready, and are marked.

mod driver;
mod event;
mod fleet;
mod scale_down;
mod step;
mod window;
mod workload;
mod writer_conflict;

use std::num::NonZeroU64;
use std::time::Duration;

pub use driver::run;
pub use event::AutoscaleEvent;
pub use fleet::{Fleet, FleetError, FleetView, Pod};
pub use step::{Autoscaler, Decision, Foreign, Observation};
pub use workload::{Carried, Lead, Workload, WorkloadWatcher};

/// Configuration of the autoscaler: target number of workers and scaling rates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoscaleConfig {
    /// Target number of items per worker.
    pub items_per_worker: NonZeroU64,
    /// Minimum number of workers; with 0, there are none while there are no items.
    pub min: u32,
    /// Maximum number of workers, at least `min`.
    pub max: u32,
    /// Period within which the number of workers at most doubles or rises by four, whichever is more.
    pub up_every: Duration,
    /// Period over which a scale-down looks back: the number falls at most to the highest one needed within it.
    pub down_window: Duration,
    /// Period within which the number of workers falls at most by a quarter or by one, whichever is more.
    pub down_every: Duration,
    /// Minimum reduction that lowers the number of workers, in percent of the current number; up to it, the number is kept.
    pub band_percent: u32,
    /// Interval between looks.
    pub interval: Duration,
    /// Maximum age of the observed workload; an older one counts as unreadable.
    pub fresh_for: Duration,
    /// Maximum time for which a retired worker that owns nothing may stay ready before it is terminated anyway.
    pub unready_within: Duration,
    /// Period within which two foreign writes of the number count as a conflict with another autoscaler.
    pub conflict_window: Duration,
    /// Time for which nothing is written after a conflict.
    pub stand_back: Duration,
}

impl Default for AutoscaleConfig {
    /// Returns the default configuration: 50 items per worker, 1 to 10 workers; `up_every` 15 s, `down_window` 300 s, `down_every` 60 s,
    /// `band_percent` 15; a look every 2 s at a workload that is at most 10 s old; 60 s for a worker to stop being ready; a conflict after
    /// two foreign writes within 10 min, and then no writes for 5 min.
    fn default() -> Self {
        Self {
            items_per_worker: const { NonZeroU64::new(50).unwrap() },
            min: 1,
            max: 10,
            up_every: Duration::from_secs(15),
            down_window: Duration::from_secs(300),
            down_every: Duration::from_secs(60),
            band_percent: 15,
            interval: Duration::from_secs(2),
            fresh_for: Duration::from_secs(10),
            unready_within: Duration::from_secs(60),
            conflict_window: Duration::from_secs(600),
            stand_back: Duration::from_secs(300),
        }
    }
}

impl AutoscaleConfig {
    /// Returns the number of workers needed for this many items.
    #[must_use]
    pub fn wanted(&self, items: u64) -> u32 {
        u32::try_from(items.div_ceil(self.items_per_worker.get())).unwrap_or(u32::MAX).min(self.max).max(self.min)
    }
}
