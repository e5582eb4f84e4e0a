//! What a control plane tells of itself to whoever runs it.

use std::time::Duration;

use super::Verdict;
use crate::{Assignment, MembershipError, Plan, Refusal, Slot, SlotLoad, StoreError, Term, WorkerId};

/// Something that happened to a control plane.
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlEvent<'a> {
    /// It leads.
    Elected(Term),
    /// It leads no more.
    Deposed(Term),
    /// Another leads. Told when that begins.
    Following,
    /// A turn, leading or following, went well to its end.
    Turned,
    /// It has looked at everything.
    Scanned {
        /// The slots as they stood.
        assignment: &'a Assignment,
        /// The items in them, as last counted.
        load: &'a SlotLoad,
    },
    /// A worker stands differently than before.
    Judged {
        /// The worker.
        worker: &'a WorkerId,
        /// How it stood, if it was known.
        before: Option<Verdict>,
        /// How it stands; `None` when it is gone and owns nothing.
        now: Option<Verdict>,
    },
    /// Most slots fell silent at once: nothing is moved until that is explained.
    Held {
        /// The slots that fell silent.
        silent: usize,
        /// The slots that have owners.
        owned: usize,
    },
    /// It moves slots again.
    Released,
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
