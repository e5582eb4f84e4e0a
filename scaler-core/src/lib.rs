//! Splits the rows of a table across workers, evenly. Each row has exactly one owner, and rebalancing moves the fewest rows
//! possible.
//!
//! Items hash to a fixed number of [slots](Slot). A [`Ring`] gives every slot an owner. A [`WorkStore`] keeps the ownership of
//! the slots, does the work itself, and checks ownership in the same write. A [`Membership`] lists the members; it is advisory.
//! The [control plane](control) and the [worker] are state machines over these traits.
//!
//! This crate has no database, no network and no ambient clock. Adapters are crates of their own; [`memory`] has the reference
//! implementations.
//!
//! ```
//! use scaler_core::{KeyType, Plan, Ring, RingExt, Roster, SlotCount, SlotLoad, StickyRing, WorkerId};
//!
//! let slots = SlotCount::new(4096)?;
//! let mut ring = StickyRing::new(slots);
//! let trio = Roster::of(["a", "b", "c"].map(|name| WorkerId::new(name).unwrap()));
//! let plan: Plan = ring.plan(&trio, &SlotLoad::uniform(slots));
//! ring.apply(&plan)?;
//!
//! let item = KeyType::Uuid.parse("0b0e5b54-7a3c-4a3f-9b35-0a6b8f0f3d11")?;
//! assert!(trio.contains(ring.owner_of(&item).unwrap()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod audit;
pub mod autoscale;
mod backoff;
mod cause;
mod clock;
pub mod control;
mod election;
mod episode;
mod error;
mod event_log;
pub mod hand_over;
mod id;
mod item_id;
mod load;
mod membership;
pub mod memory;
pub mod node;
mod orphans;
mod plan;
mod redundant;
mod ring;
mod roster;
pub mod shard;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(feature = "wire")]
pub mod wire;
mod wish;
pub mod worker;

pub use cause::Cause;
pub use clock::{Clock, TokioClock};
pub use election::{DEAF_AFTER, DEAF_CANDIDATE_WAITS, Election, Hearing, LeaderLease, Term};
pub use episode::Episode;
pub use error::{BoxError, ErrorClass, MembershipError, StoreError};
pub use event_log::{
    EVENT_KEPT_FOR, EVENT_TEXT_LIMIT, EVENTS_KEPT, EVENTS_PER_PAGE, Event, EventFilter, EventKind, EventLog, Rebalance,
    RecordedEvent, event_text,
};
pub use id::{Epoch, Incarnation, InstallationId, InvalidWorkerId, MemberKey, Tick, WorkerId};
pub use item_id::{InvalidItemId, ItemId, KeyType};
pub use load::SlotLoad;
pub use membership::{Member, MemberRecord, MemberState, Membership, Registration, WakeUp};
pub use node::Node;
pub use orphans::{Orphans, orphans};
pub use plan::{Cost, Move, Plan, Reason};
pub use redundant::{PathEvent, RedundantMembership};
pub use ring::{
    Evenness, Guarantees, HashRing, InvalidRingKind, InvalidSlotCount, Minimality, Rendezvous, Ring, RingExt, RingKind,
    RingSource, Slot, SlotCount, SlotRange, StalePlan, StickyRing, digest_of, item_hash, slot_of, slot_of_hash, slots_of,
    slots_of_uuids, uuid_hash,
};
pub use roster::{Eligibility, Roster, Seat, Weight};
pub use store::{
    ABANDONED_AFTER_TICKS, Adoption, Assignment, Claim, Holding, LEADERLESS_AFTER, ORPHANED_AFTER_TICKS, Outcome, Refusal,
    RefusalReason, RefusedItem, SlotState, TickReport, Timing, Transfer, WorkStore, fence_of,
};
pub use wish::{InvalidWish, RecordedWish, WISH_TEXT_LIMIT, WISH_WEIGHT_LIMIT, Wish, WishKind, WishSubject, Wishes, wish_text};
