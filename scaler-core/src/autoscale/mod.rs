//! As many workers as the items need.
//!
//! [`Autoscaler`] is a pure state machine: shown the work, the workers and how many there shall be, it says what to do; [`run`] is
//! the thin driver that looks, and does it, beside a control plane that leads. [`Fleet`] is whoever runs the workers.
//!
//! The rule: wanted is `clamp(ceil(items / items_per_worker), min, max)`. Up at once, within any `up_every` to four more or twice as
//! many as there were, whichever is more. Down to what was wanted most within `down_window`, within any `down_every` by a
//! quarter or by one, and not for less than a band of `band_percent`. A count that cannot be read wants what there is. The minimum is
//! reached at once, whatever can be read; a candidate for the leadership sees to that, too, once, when it starts.
//!
//! Down begins with the workers: those that carry least are [retired](crate::Membership::retire), so that others take over without
//! a missed tick; only when they own nothing, are no longer ready and are marked is the number lowered, and those are ended.

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

/// How many workers there shall be, and how fast that may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoscaleConfig {
    /// How many items a worker shall have.
    pub items_per_worker: NonZeroU64,
    /// The fewest workers; with 0 there are none while there are no items.
    pub min: u32,
    /// The most workers; never fewer than `min`.
    pub max: u32,
    /// Within any time as long as this, the workers at most double, or become four more.
    pub up_every: Duration,
    /// The number falls to no less than what was wanted at some moment of so long a time before.
    pub down_window: Duration,
    /// Within any time as long as this, the workers lose at most a quarter, or one.
    pub down_every: Duration,
    /// By how much fewer, in percent of the workers there are, must be wanted before the number falls.
    pub band_percent: u32,
    /// The time from one look to the next.
    pub interval: Duration,
    /// What was last seen of the work counts as unreadable when it is older than this.
    pub fresh_for: Duration,
    /// How long a retired worker that owns nothing may still be ready before it is ended all the same.
    pub unready_within: Duration,
    /// Two foreign writes of the number within this time mean that somebody else scales, too.
    pub conflict_window: Duration,
    /// How long nothing is written then.
    pub stand_back: Duration,
}

impl Default for AutoscaleConfig {
    /// 50 items a worker, from 1 to 10 workers; 15 s, 300 s, 60 s, 15 %; a look every 2 s at what is no older than 10 s, 60 s to be no
    /// longer ready; two foreign writes within 10 min are a conflict, and 5 min is how long it stands back then.
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
    /// How many workers this many items want.
    #[must_use]
    pub fn wanted(&self, items: u64) -> u32 {
        u32::try_from(items.div_ceil(self.items_per_worker.get())).unwrap_or(u32::MAX).min(self.max).max(self.min)
    }
}
