//! The rule that gives every slot an owner.

mod computed;
mod hash;
mod hash_ring;
mod kind;
mod mix;
mod rendezvous;
mod slot;
mod sticky;

use std::fmt::Debug;

pub use hash::{digest_of, uuid_hash};
pub use hash_ring::HashRing;
pub use kind::{InvalidRingKind, RingKind};
pub use rendezvous::Rendezvous;
pub use slot::{InvalidSlotCount, Slot, SlotCount, SlotRange, slot_of, slot_of_hash, slots_of};
pub use sticky::StickyRing;

use crate::{ItemId, Plan, Roster, SlotLoad, WorkerId};

/// Which laws a ring promises. The [law suite](crate::testing::ring) checks just these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantees {
    /// Every plan costs its lower bound, and no slot moves between workers that stay as they are.
    pub minimal: Minimality,
    /// How even the loads are after a plan.
    pub even: Evenness,
}

/// How much a ring promises to move at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Minimality {
    /// Only what must move: moved = max(orphans, what the joiners end with).
    Exact,
    /// Nothing moves between workers that stay as they are: a joiner only receives, a leaver only gives. That it is little is
    /// only to be expected, and a worker may give to a joiner and receive from a leaver at once.
    Consistent,
    /// Little movement is expected, but a single plan may move more, also between workers that stay.
    Expected,
}

/// How even a ring promises to share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evenness {
    /// Slots by Webster's rule; items within the heaviest slot of the fair share.
    Exact,
    /// No worker owns more slots than its fair share and this many percent, rounded up.
    Bounded {
        /// How far a worker may be above its fair share.
        percent: u32,
    },
    /// Even on average only.
    Expected,
}

/// A plan was made from another state of the ring than it is applied to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan moves slot {slot} away from {planned}, but its owner is {found}", planned = named(planned), found = named(found))]
pub struct StalePlan {
    /// The first slot that does not fit.
    pub slot: Slot,
    /// Its owner in the plan.
    pub planned: Option<WorkerId>,
    /// Its owner in the ring.
    pub found: Option<WorkerId>,
}

fn named(owner: &Option<WorkerId>) -> &str {
    owner.as_ref().map_or("nobody", WorkerId::as_str)
}

/// Gives every slot an owner. Pure: `plan` says what would move and changes nothing, so a preview is the plan itself.
///
/// The same state, roster and load give the same plan, in any process.
pub trait Ring: Debug + Send + Sync {
    /// Which laws it promises.
    fn guarantees(&self) -> Guarantees;

    /// How many slots it gives away.
    fn slots(&self) -> SlotCount;

    /// Who may own slots now.
    fn roster(&self) -> &Roster;

    /// The owner of a slot; `None` when it has none yet, or lies outside the count.
    fn owner(&self, slot: Slot) -> Option<&WorkerId>;

    /// What would move if the roster became `to`. The roster as it is moves nothing, save slots that nobody owns, and what the
    /// ring says it still has to do.
    ///
    /// Where no worker of `to` may receive anything, what it would receive stays where it is.
    fn plan(&self, to: &Roster, load: &SlotLoad) -> Plan;

    /// What would move to even out loads that have drifted: until the most loaded worker carries at most
    /// `1 + tolerance` times its fair share, or no move helps. A ring that keeps no state has nothing to settle.
    fn rebalance_load(&self, load: &SlotLoad, tolerance: f64) -> Plan;

    /// Learns the load that the next plans will be made under, so that they need not look at every slot. Plans are the same without it.
    fn set_load(&mut self, _load: &SlotLoad) {}

    /// Makes a plan the state of the ring, and the plan's roster its roster.
    ///
    /// # Errors
    /// When the plan was made from another state; then nothing is changed.
    fn apply(&mut self, plan: &Plan) -> Result<(), StalePlan>;
}

/// What follows from the methods of a [`Ring`].
pub trait RingExt: Ring {
    /// The owner of the slot that this item hashes to.
    #[inline]
    fn owner_of(&self, item: ItemId) -> Option<&WorkerId> {
        self.owner(slot_of(item, self.slots()))
    }

    /// The owner of the slot that a hash of the caller's own selects by its leading bits. All who look up must hash alike.
    #[inline]
    fn owner_of_hash(&self, hash: u64) -> Option<&WorkerId> {
        self.owner(slot_of_hash(hash, self.slots()))
    }

    /// The owners of many items, in their order: as [`owner_of`](Self::owner_of) each, in less time.
    #[inline]
    fn owners_of<'a>(&'a self, items: &'a [ItemId]) -> impl Iterator<Item = Option<&'a WorkerId>> {
        slots_of(items, self.slots()).map(|slot| self.owner(slot))
    }
}

impl<R: Ring + ?Sized> RingExt for R {}
