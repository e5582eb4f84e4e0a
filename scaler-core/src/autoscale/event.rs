//! What an autoscaler tells of itself to whoever runs it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{FleetError, FleetView};
use crate::{MembershipError, WorkerId};

/// Something that happened to an autoscaler.
#[derive(Debug)]
#[non_exhaustive]
pub enum AutoscaleEvent<'a> {
    /// It has looked at the workers.
    Looked {
        /// What it saw.
        fleet: &'a FleetView,
        /// How many workers the items want; `None` when they cannot be read.
        wanted: Option<u32>,
        /// The items.
        items: Option<u64>,
    },
    /// Some workers shall hand over, or need no longer.
    Retired {
        /// Those that shall, and did not have to before.
        retired: BTreeSet<WorkerId>,
        /// Those that no longer need to.
        reinstated: BTreeSet<WorkerId>,
    },
    /// It has set the number of workers.
    Scaled {
        /// From this.
        from: u32,
        /// To this.
        to: u32,
    },
    /// Somebody else has written the number; it begins anew with that.
    Overruled {
        /// What it was before.
        from: u32,
        /// What it is now.
        to: u32,
        /// Who, if that is known.
        by: Option<&'a str>,
    },
    /// Somebody else has written the number again: it stands back.
    Contested {
        /// What it was before.
        from: u32,
        /// What it is now.
        to: u32,
        /// Who, if that is known.
        by: Option<&'a str>,
        /// For how long it writes nothing.
        stands_back_for: Duration,
    },
    /// It writes the number again.
    Resumed,
    /// Its control plane leads no more; it does nothing until it does.
    StoodDown,
    /// A call to the fleet failed. Told when the failures begin, and again when another kind of failure follows.
    FleetFailed {
        /// Why.
        error: FleetError,
        /// When it tries again.
        retry_in: Duration,
    },
    /// The fleet answers again.
    FleetBack,
    /// Workers could not be retired.
    MembershipFailed {
        /// Why.
        error: MembershipError,
        /// When it tries again.
        retry_in: Duration,
    },
}
