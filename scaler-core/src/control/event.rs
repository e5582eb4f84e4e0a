//! Events that a control plane reports to its caller.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Decision, MemberPhase, StalledRollout};
use crate::{
    Assignment, InstallationId, Member, MembershipError, Plan, RecordedWish, Refusal, Slot, SlotLoad, StoreError, Term, Transfer,
    WorkerId,
};

/// Batch of transfers that was committed.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// The transfers.
    pub transfers: &'a [Transfer],
    /// Slots that moved.
    pub moved: &'a [Slot],
    /// Transfers that were not made.
    pub refused: &'a [Refusal],
    /// State of the slots before.
    pub seen: &'a Assignment,
    /// Items in the slots, as last counted.
    pub load: &'a SlotLoad,
}

impl<'a> Commit<'a> {
    /// Returns the transfers that were made.
    pub fn moves(&self) -> impl Iterator<Item = &'a Transfer> {
        let moved: BTreeSet<&Slot> = self.moved.iter().collect();
        self.transfers.iter().filter(move |transfer| moved.contains(&transfer.slot))
    }

    /// Returns the owner of a slot before; `None` if it had none.
    #[must_use]
    pub fn former_owner(&self, slot: Slot) -> Option<&'a WorkerId> {
        self.seen.slots.get(slot.index())?.owner.as_ref().map(|owner| &owner.worker)
    }
}

/// Event of a control plane.
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlEvent<'a> {
    /// It was elected leader.
    Elected {
        /// The term.
        term: Term,
        /// Installation of the store that it leads.
        installation: InstallationId,
    },
    /// It is not the leader any more.
    Deposed(Term),
    /// It resigns so that another control plane can try, because its turns have failed for a whole lease.
    /// [`Deposed`](Self::Deposed) follows.
    GaveUp {
        /// Time since the last successful turn ended.
        failing_for: Duration,
        /// Time until it campaigns again.
        campaigns_in: Duration,
    },
    /// The membership lists members that work on another store; they are given no slots. Reported whenever the set of these
    /// members changes.
    Strangers(&'a [Member]),
    /// A rollout makes no progress: workers of several revisions coexist and from now on share the slots alike.
    RolloutStalled(StalledRollout),
    /// Another store answers than before: another database, or the same one after it lost its data.
    InstallationChanged {
        /// Installation that answered before.
        before: InstallationId,
        /// Installation that answers now.
        now: InstallationId,
    },
    /// Another control plane leads. Reported once when that begins.
    Following,
    /// A turn succeeded, leading or following.
    Turned,
    /// A turn failed. [`StoreFailed`](Self::StoreFailed) gives the reason, but not every time.
    TurnFailed,
    /// It has looked at all slots. Not reported before the first count of the items has ended.
    Scanned {
        /// State of the slots.
        assignment: &'a Assignment,
        /// Items in the slots, as last counted.
        load: &'a SlotLoad,
    },
    /// The phase of a worker changed.
    PhaseChanged {
        /// The worker.
        worker: &'a WorkerId,
        /// Its phase before, if it was known.
        before: Option<MemberPhase>,
        /// Its phase now; `None` if it left and owns nothing.
        now: Option<MemberPhase>,
    },
    /// The mass-failure guard paused rebalancing, because most slots became silent at once.
    RebalancePaused {
        /// Number of silent slots.
        silent: usize,
        /// Number of slots that have an owner.
        owned: usize,
    },
    /// Rebalancing continues.
    RebalanceResumed,
    /// A plan with moves was made.
    Planned(&'a Plan),
    /// It has decided what to move. Reported at each look.
    Decided {
        /// The decision.
        decision: &'a Decision,
        /// Number of planned moves that are not committed yet.
        pending: usize,
    },
    /// A batch of transfers was committed.
    Committed(Commit<'a>),
    /// All planned moves are committed or dropped.
    Settled,
    /// The wishes of operators have changed, or were read for the first time in this term.
    WishesChanged(&'a [RecordedWish]),
    /// Events cannot be appended to the log; they are kept, up to a limit. Reported like [`StoreFailed`](Self::StoreFailed).
    EventsNotAppended(StoreError),
    /// The store's clock fell. Ticks continue from the last tick done.
    ClockFell {
        /// Time by which the clock was behind.
        by: Duration,
    },
    /// Silent members were removed from the membership.
    Swept(&'a [WorkerId]),
    /// A call to the store failed. Reported at the first failure, when the reason changes, and again at growing intervals
    /// ([`Episode`](crate::Episode)).
    StoreFailed {
        /// Reason.
        error: StoreError,
        /// Time until the next attempt.
        retry_in: Duration,
    },
    /// The store answers again.
    StoreBack,
    /// The membership cannot be read; its last answer stays in use. Reported at the first failure, when the reason changes, and
    /// again at growing intervals ([`Episode`](crate::Episode)).
    MembershipFailed {
        /// Reason.
        error: MembershipError,
        /// Time until the next attempt.
        retry_in: Duration,
    },
    /// The membership can be read again.
    MembershipBack,
}
