//! Inputs and effects of the worker's state machine.

use super::WorkerEvent;
use crate::{
    Adoption, Claim, ItemId, Member, MembershipError, RefusedItem, Registration, SlotRange, StoreError, Tick, TickReport, WakeUp,
};

/// Input of the state machine.
#[derive(Debug)]
pub enum Input {
    /// The time it asked to be woken at has come, or nothing in particular happened.
    Woken,
    /// A wake-up notification came.
    Notified(WakeUp),
    /// It shall hand over and leave.
    Drain,
    /// What became of [`Effect::Adopt`].
    Adopted(Result<Adoption, StoreError>),
    /// What became of [`Effect::Tick`] for this range.
    Ticked(SlotRange, Result<TickReport, StoreError>),
    /// What became of [`Effect::Claim`].
    Claimed(Result<Claim, StoreError>),
    /// What became of [`Effect::TryToWrite`].
    TriedToWrite(Result<Option<RefusedItem>, StoreError>),
    /// What became of [`Effect::List`] for this range.
    Listed(SlotRange, Result<Vec<ItemId>, StoreError>),
    /// What became of [`Effect::Heartbeat`].
    HeartbeatAnswered(Result<Registration, MembershipError>),
    /// What became of [`Effect::Leave`].
    Left(Result<(), MembershipError>),
}

/// Something the worker asks for. Each call is answered by one input; none is asked for twice at a time, except ticks of ranges
/// that have no slot in common.
#[derive(Debug)]
pub enum Effect {
    /// Call [`WorkStore::adopt`](crate::WorkStore::adopt).
    Adopt,
    /// Call [`WorkStore::tick`](crate::WorkStore::tick) for this range.
    Tick(SlotRange),
    /// Call [`WorkStore::claim_orphans`](crate::WorkStore::claim_orphans).
    Claim {
        /// How many slots at most.
        limit: usize,
        /// The first of its own ticks that it has done without a gap until now.
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
    /// Tell whoever runs the worker.
    Emit(WorkerEvent),
}
