//! Explanation as JSON; the field names are those of the API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::EventView;

/// Explanation of where something is, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// What is explained: `item KEY`, `slot N` or `worker NAME`.
    pub subject: String,
    /// Slot of the item, or the slot itself; null for a worker.
    pub slot: Option<u32>,
    /// Owner of the slot; null if it has none, or for a worker.
    pub owner: Option<String>,
    /// Epoch of the slot's ownership; null for a worker.
    pub epoch: Option<u64>,
    /// Cause for which the owner got the slot; null if there is no owner.
    pub cause: Option<String>,
    /// Why it is where it is.
    pub why_here: Vec<String>,
    /// Why it moved last.
    pub why_moved: Vec<String>,
    /// Why it does not move now.
    pub why_not_moved: Vec<String>,
    /// What the store refuses; null if nothing is known to be refused.
    pub refusal: Option<String>,
    /// Last events that concern it, newest first.
    pub history: Vec<EventView>,
}
