//! The view of a control plane: what the live page, `status` and other viewers show, bounded in size whatever the number of items,
//! slots and workers.
//!
//! [`ViewBuilder`] makes it from the events of the control plane alone. Viewers never cause a call to the stores.

mod builder;
mod event;
mod map;
mod model;
mod notices;
mod rate;
mod rebalance;
mod servers;
mod situation;
mod tally;
mod timestamp;

#[cfg(test)]
mod tests;

pub use builder::{Recent, ViewBuilder};
pub use model::{
    Audit, Autoscaler, EventView, LeaderView, Notice, NoticeKind, Phase, RebalanceView, Right, Server, SlotMap, Source, TickView,
    Totals, View, WorkerView, WorkersView,
};
pub use situation::Situation;
pub use timestamp::{Timestamp, WallClock};

/// Maximum number of workers in a view.
pub const MOST_WORKERS: usize = 24;
/// Maximum number of notices in a view, besides the one that says how many more there are.
pub const MOST_NOTICES: usize = 16;
/// Maximum number of rebalances, and of events, in a view.
pub const MOST_EVENTS: usize = 8;
/// Maximum number of cells of the slot map.
pub const MOST_CELLS: usize = 256;
