//! Events that an autoscaler reports to its caller.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{FleetError, FleetView};
use crate::{MembershipError, WorkerId};

/// Event reported by an autoscaler.
#[derive(Debug)]
#[non_exhaustive]
pub enum AutoscaleEvent<'a> {
    /// The autoscaler read the fleet and the workload.
    Looked {
        /// State of the fleet.
        fleet: &'a FleetView,
        /// Number of workers needed for the items; `None` if the items cannot be read.
        wanted: Option<u32>,
        /// Number of items; `None` if it cannot be read.
        items: Option<u64>,
    },
    /// The set of retired workers changed.
    Retired {
        /// Workers that are newly retired and hand over their slots.
        retired: BTreeSet<WorkerId>,
        /// Workers that are no longer retired.
        reinstated: BTreeSet<WorkerId>,
    },
    /// The autoscaler set the number of workers.
    Scaled {
        /// Number before.
        from: u32,
        /// Number after.
        to: u32,
    },
    /// Another writer set the number of workers; scaling starts anew from that number.
    Overruled {
        /// Number before.
        from: u32,
        /// Number now.
        to: u32,
        /// Name of the other writer, if known.
        by: Option<&'a str>,
    },
    /// Another writer set the number of workers again; the autoscaler stops writing it for a while.
    Contested {
        /// Number before.
        from: u32,
        /// Number now.
        to: u32,
        /// Name of the other writer, if known.
        by: Option<&'a str>,
        /// Time for which the autoscaler writes nothing.
        stands_back_for: Duration,
    },
    /// The autoscaler writes the number of workers again.
    Resumed,
    /// The control plane lost leadership; the autoscaler is inactive until it leads again.
    StoodDown,
    /// A call to the fleet failed. Reported at the first failure, when the reason changes, and again at growing intervals
    /// ([`Episode`](crate::Episode)).
    FleetFailed {
        /// Error of the call.
        error: FleetError,
        /// Time until the next try.
        retry_in: Duration,
    },
    /// Calls to the fleet succeed again.
    FleetBack,
    /// Workers could not be retired.
    MembershipFailed {
        /// Error of the membership.
        error: MembershipError,
        /// Time until the next try.
        retry_in: Duration,
    },
}
