//! Explanations: why an item, a slot or a worker is where it is, why it moved, and why it does not move.
//!
//! Ownership is read from the store, and causes from its event log: nothing is computed anew.

mod items;
mod model;
mod slot;
mod steering;
mod worker;

#[cfg(test)]
mod tests;

use std::fmt;

pub use items::{FoundItem, ItemLookUp, NoItems};
pub use model::Explanation;
use scaler_core::node::NodeStore;
use scaler_core::{Membership, Slot, StoreError, WorkerId, slot_of};

use crate::view::Situation;

/// Subject of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Item with this key.
    Item(String),
    /// Slot.
    Slot(Slot),
    /// Worker.
    Worker(WorkerId),
}

/// Places that explanations are read from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Store of the slots, the events and the wishes.
    pub store: &'a dyn NodeStore,
    /// Look-up of items.
    pub items: &'a dyn ItemLookUp,
    /// Membership, for what the workers report as refused; `None` if it is not known.
    pub members: Option<&'a dyn Membership>,
    /// Knowledge that only the leader has; `None` on a standby.
    pub situation: Option<&'a Situation>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(key) => write!(f, "item {key}"),
            Self::Slot(slot) => write!(f, "slot {slot}"),
            Self::Worker(worker) => write!(f, "worker {worker}"),
        }
    }
}

/// Explains a subject; `None` if it does not exist.
///
/// # Errors
/// If the store is unavailable, refuses a call, or does not answer.
pub async fn explain(subject: &Subject, sources: &Sources<'_>) -> Result<Option<Explanation>, StoreError> {
    match subject {
        Subject::Worker(name) => worker::explain(subject, name, sources).await,
        Subject::Slot(slot) => slot::explain(subject, *slot, None, sources).await,
        Subject::Item(key) => {
            let Some(found) = sources.items.find(key).await? else { return Ok(None) };
            let slot = slot_of(&found.item, sources.store.slot_count().await?);
            slot::explain(subject, slot, Some(&found), sources).await
        }
    }
}
