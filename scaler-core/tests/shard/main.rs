//! Shards keep the store's contract together, and one that is away stops its own slots only.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod away;
mod conformance;
mod desk;
mod ring;
mod side_by_side;
