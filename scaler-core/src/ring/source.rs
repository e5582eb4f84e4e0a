//! Source of a control plane's rings: one of the kinds of this crate, or a ring of one's own.

use std::fmt;
use std::sync::Arc;

use super::{Ring, RingKind, SlotCount};
use crate::{Roster, WorkerId};

type Restore = dyn Fn(SlotCount, Roster, Vec<Option<WorkerId>>) -> Box<dyn Ring> + Send + Sync;

/// Source of the rings of a control plane. Cheap to clone.
///
/// ```
/// use scaler_core::control::ControlConfig;
/// use scaler_core::{HashRing, RingKind, RingSource};
///
/// let by_kind = ControlConfig { ring: RingKind::HashRing.into(), ..ControlConfig::default() };
/// let of_ones_own = RingSource::new("my ring", |slots, roster, owners| Box::new(HashRing::restore(slots, roster, owners)));
/// let with_it = ControlConfig { ring: of_ones_own, ..ControlConfig::default() };
/// assert_eq!(with_it.ring.name(), "my ring");
/// ```
#[derive(Clone)]
pub struct RingSource {
    name: Arc<str>,
    restore: Arc<Restore>,
}

impl RingSource {
    /// Returns the source of a ring of one's own. `restore` returns the ring of this state: the number of slots, the roster among which they
    /// were shared, and the owner of each slot, in the order of the slots. A ring that is restored must plan as the one that it stands for:
    /// [`ring_laws!`](crate::ring_laws) checks that and the other laws.
    pub fn new(
        name: impl Into<String>,
        restore: impl Fn(SlotCount, Roster, Vec<Option<WorkerId>>) -> Box<dyn Ring> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into().into(), restore: Arc::new(restore) }
    }

    /// Returns the name of the ring.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Restores a ring: see [`new`](Self::new).
    pub(crate) fn restore(&self, slots: SlotCount, roster: Roster, owners: Vec<Option<WorkerId>>) -> Box<dyn Ring> {
        (self.restore)(slots, roster, owners)
    }
}

impl Default for RingSource {
    /// Returns the source of sticky rings.
    fn default() -> Self {
        RingKind::default().into()
    }
}

impl From<RingKind> for RingSource {
    fn from(kind: RingKind) -> Self {
        Self::new(kind.as_str(), move |slots, roster, owners| kind.restore(slots, roster, owners))
    }
}

impl fmt::Debug for RingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RingSource").field(&self.name).finish()
    }
}
