//! What a control plane tells of itself to whoever runs it.

use std::time::Duration;

use super::{MemberPhase, StalledRollout};
use crate::{Assignment, InstallationId, Member, MembershipError, Plan, Refusal, Slot, SlotLoad, StoreError, Term, WorkerId};

/// Something that happened to a control plane.
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlEvent<'a> {
    /// It leads.
    Elected {
        /// The term.
        term: Term,
        /// The store that it leads.
        installation: InstallationId,
    },
    /// It leads no more.
    Deposed(Term),
    /// It resigns, so that another control plane can try: its turns have failed for a whole lease. [`Deposed`](Self::Deposed) follows.
    GaveUp {
        /// How long ago the last successful turn ended.
        failing_for: Duration,
        /// When it campaigns again.
        campaigns_in: Duration,
    },
    /// Members that work on another store are listed in the membership: they are given nothing. Reported once for each.
    Strangers(&'a [Member]),
    /// A rollout stands still: workers of several revisions stand beside each other, and from now on share alike.
    RolloutStalled(StalledRollout),
    /// The store is another one than before: another database answers, or the one there was lost what it held.
    InstallationChanged {
        /// The one before.
        before: InstallationId,
        /// The one that answers now.
        now: InstallationId,
    },
    /// Another leads. Told when that begins.
    Following,
    /// A turn, leading or following, went well to its end.
    Turned,
    /// A turn failed. [`StoreFailed`](Self::StoreFailed) tells why, but not each time.
    TurnFailed,
    /// It has looked at everything. Not told before the first count of the items has ended.
    Scanned {
        /// The slots as they stood.
        assignment: &'a Assignment,
        /// The items in them, as last counted.
        load: &'a SlotLoad,
    },
    /// The phase of a worker changed.
    PhaseChanged {
        /// The worker.
        worker: &'a WorkerId,
        /// Its phase before, if it was known.
        before: Option<MemberPhase>,
        /// Its phase now; `None` when it is gone and owns nothing.
        now: Option<MemberPhase>,
    },
    /// The mass-failure guard paused rebalancing: most slots fell silent at once.
    RebalancePaused {
        /// The slots that fell silent.
        silent: usize,
        /// The slots that have owners.
        owned: usize,
    },
    /// Rebalancing goes on.
    RebalanceResumed,
    /// Slots shall move.
    Planned(&'a Plan),
    /// Slots were moved, or not.
    Committed {
        /// Those that changed hands.
        moved: &'a [Slot],
        /// Those that did not.
        refused: &'a [Refusal],
    },
    /// The store's clock fell. Ticks go on from where they were.
    ClockFell {
        /// By how much it lay behind them.
        by: Duration,
    },
    /// Silent members were forgotten.
    Swept(&'a [WorkerId]),
    /// A call to the store failed. Reported at the first failure, when the reason changes, and again at growing intervals ([`Episode`](crate::Episode)).
    StoreFailed {
        /// Why.
        error: StoreError,
        /// When it tries again.
        retry_in: Duration,
    },
    /// The store answers again.
    StoreBack,
    /// The membership cannot be read; what it last said is believed. Reported at the first failure, when the
    /// reason changes, and again at growing intervals ([`Episode`](crate::Episode)).
    MembershipFailed {
        /// Why.
        error: MembershipError,
        /// When it tries again.
        retry_in: Duration,
    },
    /// The membership can be read again.
    MembershipBack,
}
