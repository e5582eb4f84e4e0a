//! Nodes with handlers on virtual time: who works on what, how hand-overs go, and what faults cost.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod blocked;
mod desk;
mod faults;
mod hand_over;
mod handlers;
mod look_ups;
mod settings;
mod ticks;
