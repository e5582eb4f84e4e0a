//! Explanation as JSON; the field names are those of the API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::EventView;

/// Explanation of where something is, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Subject: `item KEY`, `slot N` or `worker NAME`.
    pub subject: String,
    /// Slot of the item, or the slot itself; null for a worker.
    pub slot: Option<u32>,
    /// Owner of the slot; null if it has none, or for a worker.
    pub owner: Option<String>,
    /// Epoch of the slot's ownership; null for a worker.
    pub epoch: Option<u64>,
    /// Cause for which the owner got the slot; null if there is no owner.
    pub cause: Option<String>,
    /// Reasons for its present place, a sentence each.
    pub why_here: Vec<String>,
    /// Reasons for its last move, a sentence each.
    pub why_moved: Vec<String>,
    /// Reasons for which it does not move now, a sentence each.
    pub why_not_moved: Vec<String>,
    /// Refused row, with the reason; null if nothing is known to be refused.
    pub refusal: Option<String>,
    /// Last events that concern it, newest first.
    pub history: Vec<EventView>,
}
