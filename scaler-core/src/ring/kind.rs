//! Kinds of rings, selected by name.

use std::fmt;
use std::str::FromStr;

use super::{HashRing, Rendezvous, Ring, SlotCount, StickyRing};
use crate::{Roster, WorkerId};

/// Kind of ring that assigns slots to workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RingKind {
    /// [`StickyRing`]: even to within one slot, with the fewest possible moves.
    #[default]
    Sticky,
    /// [`HashRing`]: consistent hashing with virtual nodes.
    HashRing,
    /// [`Rendezvous`]: highest random weight.
    Rendezvous,
}

/// Error of parsing a [`RingKind`]: the text names no ring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be sticky, hash-ring or rendezvous")]
pub struct InvalidRingKind;

impl RingKind {
    /// All kinds of rings.
    pub const ALL: [Self; 3] = [Self::Sticky, Self::HashRing, Self::Rendezvous];

    /// Returns the name of this kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sticky => "sticky",
            Self::HashRing => "hash-ring",
            Self::Rendezvous => "rendezvous",
        }
    }

    /// Restores a ring of this kind from the roster among which the slots were shared, and the owner of each slot, in the order
    /// of the slots.
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
