//! Rings: algorithms that assign an owner to every slot.

mod computed;
mod hash;
mod hash_ring;
mod kind;
mod mix;
mod rendezvous;
mod slot;
mod source;
mod sticky;

use std::collections::BTreeMap;
use std::fmt::Debug;

pub use hash::{digest_of, item_hash, uuid_hash};
pub use hash_ring::HashRing;
pub use kind::{InvalidRingKind, RingKind};
pub use rendezvous::Rendezvous;
pub use slot::{InvalidSlotCount, Slot, SlotCount, SlotRange, slot_of, slot_of_hash, slots_of, slots_of_uuids};
pub use source::RingSource;
pub use sticky::StickyRing;

use uuid::Uuid;

use crate::{ItemId, Plan, Roster, SlotLoad, WorkerId};

/// Guarantees of a ring. The [law suite](crate::testing::ring) checks only the laws that follow from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantees {
    /// Limit on what a plan moves.
    pub minimal: Minimality,
    /// Evenness of the loads after a plan.
    pub even: Evenness,
}

impl Guarantees {
    /// Returns these guarantees, for a ring of one's own.
    #[must_use]
    pub const fn new(minimal: Minimality, even: Evenness) -> Self {
        Self { minimal, even }
    }
}

/// Limit on what a plan of a ring moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Minimality {
    /// Only the slots that must move: moved = max(orphans, slots that the joiners end with).
    Exact,
    /// Nothing moves between workers that stay as they are: a joiner only receives, a leaver only gives. The number of moves is
    /// small only in expectation, and one worker may both give to a joiner and receive from a leaver.
    Consistent,
    /// The number of moves is small in expectation, but a single plan may move more, also between workers that stay.
    Expected,
}

/// Evenness of the loads that a ring guarantees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evenness {
    /// Slots follow Webster's rule; items are within the heaviest slot of the fair share.
    Exact,
    /// No worker owns more slots than its fair share plus this percentage, rounded up.
    Bounded {
        /// Percentage by which a worker may exceed its fair share.
        percent: u32,
    },
    /// Loads are even in expectation only.
    Expected,
}

/// Error of [`Ring::apply`]: the plan was made from another state of the ring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan moves slot {slot} from {planned}, but its owner is {found}", planned = named(planned), found = named(found))]
pub struct StalePlan {
    /// First slot whose owner differs from the plan.
    pub slot: Slot,
    /// Owner of the slot in the plan; `None` if it has none.
    pub planned: Option<WorkerId>,
    /// Owner of the slot in the ring; `None` if it has none.
    pub found: Option<WorkerId>,
}

fn named(owner: &Option<WorkerId>) -> &str {
    owner.as_ref().map_or("nobody", WorkerId::as_str)
}

/// Assignment of an owner to every slot. [`plan`](Self::plan) computes moves and changes nothing, so a preview is the plan
/// itself.
///
/// The same state, roster and load give the same plan in every process.
pub trait Ring: Debug + Send + Sync {
    /// Returns the guarantees of this ring.
    fn guarantees(&self) -> Guarantees;

    /// Returns the number of slots.
    fn slots(&self) -> SlotCount;

    /// Returns the roster of the last applied plan: the workers that may own slots.
    fn roster(&self) -> &Roster;

    /// Returns the owner of a slot; `None` if it has none yet, or lies outside the slot count.
    fn owner(&self, slot: Slot) -> Option<&WorkerId>;

    /// Returns the plan that changes the roster to `to`.
    ///
    /// An unchanged roster moves nothing, except slots without an owner and moves that the ring still has to make.
    ///
    /// If no worker of `to` may receive slots, they stay where they are.
    fn plan(&self, to: &Roster, load: &SlotLoad) -> Plan;

    /// Returns the plan that evens out loads that have drifted apart.
    ///
    /// It moves slots until the most loaded worker carries at most `1 + tolerance` times its fair share, or no move helps. A
    /// ring whose owners are computed from the roster returns an empty plan.
    fn rebalance_load(&self, load: &SlotLoad, tolerance: f64) -> Plan;

    /// Sets the load of the next plans, so that they need not read every slot. Plans are the same without it.
    fn set_load(&mut self, _load: &SlotLoad) {}

    /// Sets the slots that the next plans give to one worker, whatever its share, as long as it is in the roster and may receive slots. The
    /// default ignores pins.
    fn set_pins(&mut self, _pins: &BTreeMap<Slot, WorkerId>) {}

    /// Restricts the next plans to the slots of this range, those of a [shard](crate::shard): the others never move, and do not count. The
    /// default ignores it; a control plane leaves moves of other slots out.
    fn set_range(&mut self, _range: SlotRange) {}

    /// Applies a plan: its moves change the owners, and its roster becomes the roster of the ring.
    ///
    /// # Errors
    /// If the plan was made from another state; then nothing is changed.
    fn apply(&mut self, plan: &Plan) -> Result<(), StalePlan>;
}

/// Look-ups by item or by hash on any [`Ring`].
pub trait RingExt: Ring {
    /// Returns the owner of the slot that an item hashes to.
    #[inline]
    fn owner_of(&self, item: &ItemId) -> Option<&WorkerId> {
        self.owner(slot_of(item, self.slots()))
    }

    /// Returns the owner of the slot that a hash of the caller selects by its leading bits. All callers must use the same hash.
    #[inline]
    fn owner_of_hash(&self, hash: u64) -> Option<&WorkerId> {
        self.owner(slot_of_hash(hash, self.slots()))
    }

    /// Returns the owners of many items, in the order of the items: the same as [`owner_of`](Self::owner_of) for each, but
    /// faster.
    #[inline]
    fn owners_of<'a>(&'a self, items: &'a [ItemId]) -> impl Iterator<Item = Option<&'a WorkerId>> {
        slots_of(items, self.slots()).map(|slot| self.owner(slot))
    }

    /// Returns the owners of many items with UUIDs as keys, in the order of the ids: the same as [`owners_of`](Self::owners_of),
    /// but faster.
    #[inline]
    fn owners_of_uuids<'a>(&'a self, ids: &'a [Uuid]) -> impl Iterator<Item = Option<&'a WorkerId>> {
        slots_of_uuids(ids, self.slots()).map(|slot| self.owner(slot))
    }
}

impl<R: Ring + ?Sized> RingExt for R {}
