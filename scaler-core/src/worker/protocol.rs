//! Inputs and effects of the worker's state machine.

use super::WorkerEvent;
use crate::{
    Adoption, Claim, ItemId, Member, MembershipError, RefusedItem, Registration, SlotRange, StoreError, Tick, TickReport, WakeUp,
};

/// Input of the worker's state machine.
#[derive(Debug)]
pub enum Input {
    /// The requested wake-up time has come, or nothing has happened.
    Woken,
    /// A wake-up notification arrived.
    Notified(WakeUp),
    /// The worker must hand over its slots and leave.
    Drain,
    /// Answer to [`Effect::Adopt`].
    Adopted(Result<Adoption, StoreError>),
    /// Answer to [`Effect::Tick`] for this range.
    Ticked(SlotRange, Result<TickReport, StoreError>),
    /// Answer to [`Effect::Claim`].
    Claimed(Result<Claim, StoreError>),
    /// Answer to [`Effect::TryToWrite`].
    TriedToWrite(Result<Option<RefusedItem>, StoreError>),
    /// Answer to [`Effect::List`] for this range.
    Listed(SlotRange, Result<Vec<ItemId>, StoreError>),
    /// Answer to [`Effect::Heartbeat`].
    HeartbeatAnswered(Result<Registration, MembershipError>),
    /// Answer to [`Effect::Leave`].
    Left(Result<(), MembershipError>),
}

/// Effect that the driver carries out for the worker. Each call is answered by exactly one input. At most one call of each kind is in
/// flight, except ticks of disjoint ranges.
#[derive(Debug)]
pub enum Effect {
    /// Call [`WorkStore::adopt`](crate::WorkStore::adopt).
    Adopt,
    /// Call [`WorkStore::tick`](crate::WorkStore::tick) for this range.
    Tick(SlotRange),
    /// Call [`WorkStore::claim_orphans`](crate::WorkStore::claim_orphans).
    Claim {
        /// Maximum number of slots to claim.
        limit: usize,
        /// First tick since which the worker has ticked without a gap.
        well_since: Tick,
    },
    /// Call [`WorkStore::try_to_write`](crate::WorkStore::try_to_write).
    TryToWrite,
    /// Call [`WorkStore::items`](crate::WorkStore::items) for this range.
    List(SlotRange),
    /// Call [`Membership::heartbeat`](crate::Membership::heartbeat).
    Heartbeat(Member),
    /// Call [`Membership::leave`](crate::Membership::leave).
    Leave,
    /// Report an event to the caller of the worker.
    Emit(WorkerEvent),
}
