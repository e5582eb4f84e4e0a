//! Which ring, by name.

use std::fmt;
use std::str::FromStr;

use super::{HashRing, Rendezvous, Ring, SlotCount, StickyRing};
use crate::{Roster, WorkerId};

/// Which ring gives the slots their owners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RingKind {
    /// [`StickyRing`]: even to the slot, and moves the least there can be.
    #[default]
    Sticky,
    /// [`HashRing`]: consistent hashing with virtual nodes.
    HashRing,
    /// [`Rendezvous`]: highest random weight.
    Rendezvous,
}

/// A text that names no ring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be sticky, hash-ring or rendezvous")]
pub struct InvalidRingKind;

impl RingKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Sticky, Self::HashRing, Self::Rendezvous];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sticky => "sticky",
            Self::HashRing => "hash-ring",
            Self::Rendezvous => "rendezvous",
        }
    }

    /// A ring of this kind in a known state: the roster among whom the slots were shared, and the owner of each slot, in the
    /// order of the slots.
    pub fn restore(self, slots: SlotCount, roster: Roster, owners: impl IntoIterator<Item = Option<WorkerId>>) -> Box<dyn Ring> {
        match self {
            Self::Sticky => Box::new(StickyRing::restore(slots, roster, owners)),
            Self::HashRing => Box::new(HashRing::restore(slots, roster, owners)),
            Self::Rendezvous => Box::new(Rendezvous::restore(slots, roster, owners)),
        }
    }
}

impl fmt::Display for RingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RingKind {
    type Err = InvalidRingKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(InvalidRingKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_name() {
        for kind in RingKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert_eq!("modulo".parse::<RingKind>(), Err(InvalidRingKind));
        assert_eq!(RingKind::default(), RingKind::Sticky);
    }
}
