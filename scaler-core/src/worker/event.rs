//! Events that a worker reports to its caller.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{InstallationId, ItemId, MembershipError, RefusedItem, SlotRange, StoreError, Tick, TickReport};

/// Event reported by a worker.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// The worker adopted slots that another incarnation of its name owned: a restart in place.
    Adopted {
        /// Number of adopted slots.
        slots: usize,
    },
    /// The worker claimed orphaned slots: there is no leader, or the leader did not assign them for too long.
    Claimed {
        /// Number of claimed slots.
        slots: usize,
    },
    /// A claim of orphaned slots failed; the worker keeps ticking. Reported at the first failure, when the reason changes, and again at
    /// growing intervals ([`Episode`](crate::Episode)).
    ClaimFailed {
        /// Error of the claim.
        error: StoreError,
    },
    /// A tick round ended: the slots of the worker were called for, by one statement or several.
    Ticked {
        /// True if the report covers all slots of the worker: no call failed, and no slots are set aside because their calls fail.
        is_complete: bool,
        /// Merged report of all statements of the round.
        report: TickReport,
        /// Time from the first call to the last answer.
        took: Duration,
    },
    /// Item list of the worker, in order; reported once per tick.
    Watching {
        /// Tick of the list.
        tick: Tick,
        /// Ids of the items.
        items: Arc<[ItemId]>,
    },
    /// The worker, or some of its slots, missed ticks. Missed ticks are not caught up.
    Missed {
        /// Number of missed ticks.
        ticks: u64,
    },
    /// Calls for some slots failed while calls for others succeeded. The failing slots are retried apart from the others. Reported like
    /// [`StoreFailed`](Self::StoreFailed).
    SlotsFailed {
        /// Slots of the failed call.
        slots: SlotRange,
        /// Error of the call.
        error: StoreError,
    },
    /// No slots fail any more.
    SlotsBack,
    /// The store refuses to change some of the worker's items; all others are ticked. Reported like [`StoreFailed`](Self::StoreFailed).
    ItemsRefused {
        /// Number of refused items.
        items: u64,
        /// One of the refused items, with the reason.
        refusal: Arc<RefusedItem>,
    },
    /// No items are refused any more.
    ItemsAccepted,
    /// The store refuses every write in this worker's name; other workers take over its slots.
    WritesRefused {
        /// Refused write and reason.
        why: String,
    },
    /// The store accepts writes of this worker again.
    WritesAccepted,
    /// The worker waits for a missing schema or work table. Reported like [`StoreFailed`](Self::StoreFailed).
    WaitingForSchema {
        /// Error that names what is missing.
        error: StoreError,
    },
    /// A call to the store failed. Reported at the first failure, when the reason changes, and again at growing intervals
    /// ([`Episode`](crate::Episode)).
    StoreFailed {
        /// Error of the call.
        error: StoreError,
        /// Time until the next try.
        retry_in: Duration,
    },
    /// The store answers again.
    StoreBack,
    /// A heartbeat failed; the worker keeps ticking. Reported at the first failure, when the reason changes, and again at growing intervals
    /// ([`Episode`](crate::Episode)).
    MembershipFailed {
        /// Error of the heartbeat.
        error: MembershipError,
        /// Time until the next heartbeat.
        retry_in: Duration,
    },
    /// Heartbeats succeed again.
    MembershipBack,
    /// The worker owns no slots and is given none. Reported when this begins, and when the reason changes.
    Idle {
        /// Reason why the worker owns no slots.
        why: IdleReason,
    },
    /// The reason for being idle is over: the worker owns slots, or can be given some.
    IdleOver,
    /// The store's identity changed: another database answers, or the database lost its contents.
    InstallationChanged {
        /// Previous installation.
        before: InstallationId,
        /// Installation that answers now.
        now: InstallationId,
    },
    /// The worker was retired: it hands over its slots and takes no new ones, but does not exit.
    Retiring,
    /// The worker is no longer retired and may be given slots again.
    Reinstated,
    /// The worker was asked to leave: it keeps ticking until it owns no slots.
    Draining,
}

/// Reason why a worker owns no slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdleReason {
    /// Heartbeats are not answered, so no control plane knows of the worker.
    Unheard,
    /// Heartbeats are answered and there are slots that no worker ticks, but no control plane has given the worker any.
    Overlooked {
        /// Number of slots that no worker ticks.
        unticked: usize,
    },
}

impl fmt::Display for IdleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unheard => f.write_str("heartbeats are not answered, so no control plane knows this worker"),
            Self::Overlooked { unticked } => {
                write!(f, "no control plane has assigned it any of the {unticked} slots that no worker ticks")
            }
        }
    }
}

/// Outcome of a worker that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The worker owned no slots any more and left.
    Drained,
    /// The drain timeout passed; the worker left with slots that others must take over.
    DrainTimedOut {
        /// Number of slots owned at the last report.
        slots: u32,
    },
    /// Another process has taken the worker's name.
    Superseded,
}
