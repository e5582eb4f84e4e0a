//! What a worker tells of itself to whoever runs it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{InstallationId, ItemId, MembershipError, RefusedItem, SlotRange, StoreError, Tick, TickReport};

/// Something that happened to a worker.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// It took over slots that stood under its name: a restart in place.
    Adopted {
        /// How many.
        slots: usize,
    },
    /// It claimed orphans: nobody leads, or whoever does had left them alone for too long.
    Claimed {
        /// How many slots.
        slots: usize,
    },
    /// It could not ask for orphans; the work goes on. Reported at the first failure, when the reason changes, and again at growing intervals ([`Episode`](crate::Episode)).
    ClaimFailed {
        /// Why.
        error: StoreError,
    },
    /// It went through all its slots, by one statement or by several.
    Ticked {
        /// What they did together.
        report: TickReport,
        /// From the first call to the last answer.
        took: Duration,
    },
    /// Once a tick: the items it watches, in order.
    Watching {
        /// The tick.
        tick: Tick,
        /// The ids.
        items: Arc<[ItemId]>,
    },
    /// Ticks went by without it, or without some of its slots. They are not caught up.
    Missed {
        /// How many.
        ticks: u64,
    },
    /// A call for some of its slots failed, and calls for others did not; these slots are tried again apart from the others. Reported like
    /// [`StoreFailed`](Self::StoreFailed).
    SlotsFailed {
        /// The slots that were called for.
        slots: SlotRange,
        /// Why.
        error: StoreError,
    },
    /// No slot fails any more.
    SlotsBack,
    /// The store refuses to change some of its items; all others are ticked. Reported like [`StoreFailed`](Self::StoreFailed).
    ItemsRefused {
        /// How many.
        items: u64,
        /// One of them, and why.
        refusal: Arc<RefusedItem>,
    },
    /// No item is refused any more.
    ItemsAccepted,
    /// The store lets no write in this worker's name through: others take over what it owns.
    WritesRefused {
        /// What was refused, and why.
        why: String,
    },
    /// The store lets this worker write again.
    WritesAccepted,
    /// There is no schema to work on yet, or no table of work; it waits. Reported like [`StoreFailed`](Self::StoreFailed).
    WaitingForSchema {
        /// What is missing.
        error: StoreError,
    },
    /// A call to the store failed. Reported at the first failure, when the reason changes, and again at growing intervals ([`Episode`](crate::Episode)).
    StoreFailed {
        /// Why.
        error: StoreError,
        /// When it tries again.
        retry_in: Duration,
    },
    /// The store answers again.
    StoreBack,
    /// A heartbeat failed; the work goes on without. Reported at the first failure, when the reason changes, and again at growing intervals ([`Episode`](crate::Episode)).
    MembershipFailed {
        /// Why.
        error: MembershipError,
        /// When it tries again.
        retry_in: Duration,
    },
    /// Heartbeats arrive again.
    MembershipBack,
    /// It owns nothing and cannot be given anything. Reported when that begins, and when the reason changes.
    Idle {
        /// Why.
        why: IdleReason,
    },
    /// It can be given slots again, or owns some.
    IdleOver,
    /// The store is another one than before: another database answers, or the one there was lost what it held.
    InstallationChanged {
        /// The one before.
        before: InstallationId,
        /// The one that answers now.
        now: InstallationId,
    },
    /// It was retired: it hands over what it owns, takes nothing new, and stays.
    Retiring,
    /// It is retired no more, and works like any other.
    Reinstated,
    /// It was asked to leave, and works on until it owns nothing.
    Draining,
}

/// Why a worker owns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdleReason {
    /// Its heartbeats are not answered: no control plane knows of it.
    Unheard,
    /// It is heard, and there are slots that nobody ticks, and yet no control plane has given it any.
    Overlooked {
        /// How many slots nobody ticks.
        unticked: usize,
    },
}

impl fmt::Display for IdleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unheard => f.write_str("heartbeats are not answered, so that no control plane knows of this worker"),
            Self::Overlooked { unticked } => {
                write!(f, "no control plane has given it any of {unticked} slots that nobody ticks")
            }
        }
    }
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// It owned nothing any more and left.
    Drained,
    /// The time to drain was over; it left with slots that others must take.
    DrainTimedOut {
        /// How many slots it owned when last told.
        slots: u32,
    },
    /// Another process has taken its name.
    Superseded,
}
