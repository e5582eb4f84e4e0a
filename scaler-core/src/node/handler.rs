//! The work of a node, as its user writes it.

use std::sync::Arc;

use async_trait::async_trait;

use super::Lease;
use crate::{BoxError, ItemId, Tick};

/// Work on items, one long-running future for each.
///
/// | callback or end | may it still write? | may it be skipped? | what runs meanwhile |
/// |---|---|---|---|
/// | [`run`](Self::run) is called | yes | no, for an item that stays owned | nothing of this item, under [`Exclusive`] |
/// | the lease is withdrawn and [may be finished](crate::Cause::may_finish) | yes | yes, by a crash | the next owner waits |
/// | the lease is withdrawn and may not be finished | no | yes, by a crash | perhaps the next owner |
/// | the future returns | no | yes, by a crash | the next owner begins |
///
/// [`Exclusive`]: crate::hand_over::HandOver::Exclusive
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Works on this item, for as long as this process owns it. The future is never aborted: it ends soon after the lease is
    /// [withdrawn](Lease::withdrawn), since the next owner waits for its end. What it returns acknowledges the end.
    ///
    /// `Ok` before a withdrawal ends the work on this item until this process gains it again.
    ///
    /// # Errors
    /// Any error, like a panic, is reported, and the work is started again after exponential back-off.
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError>;
}

/// Work on all items in every tick, in batches of at most 1,000 items, one call after the other.
///
/// Under [`Exclusive`](crate::hand_over::HandOver::Exclusive), the next owner of an item waits for the end of the call that has it. A call that
/// takes longer than a tick delays the next tick's calls of this node, and nothing else.
#[async_trait]
pub trait TickHandler: Send + Sync + 'static {
    /// Works on these items once.
    ///
    /// # Errors
    /// Any error, like a panic, is reported. The items are called for again in the next tick.
    async fn tick(&self, batch: Batch) -> Result<(), BoxError>;
}

/// Items of one call, each with its lease, which may be withdrawn during the call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Batch {
    /// Number of the tick.
    pub tick: Tick,
    /// Items in order, each with the lease of its slot.
    pub items: Vec<(ItemId, Lease)>,
}

/// Work that the user brings.
#[derive(Clone, Default)]
pub(super) struct Handlers {
    pub(super) of_item: Option<Arc<dyn Handler>>,
    pub(super) of_tick: Option<Arc<dyn TickHandler>>,
}
