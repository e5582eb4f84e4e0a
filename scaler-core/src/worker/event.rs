//! What a worker tells of itself to whoever runs it.

use std::sync::Arc;
use std::time::Duration;

use crate::{ItemId, MembershipError, StoreError, Tick, TickReport};

/// Something that happened to a worker.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// It took over slots that stood under its name: a restart in place.
    Adopted {
        /// How many.
        slots: usize,
    },
    /// It claimed orphans, since nobody leads.
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
    /// It was retired: it hands over what it owns, takes nothing new, and stays.
    Retiring,
    /// It is retired no more, and works like any other.
    Reinstated,
    /// It was asked to leave, and works on until it owns nothing.
    Draining,
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
