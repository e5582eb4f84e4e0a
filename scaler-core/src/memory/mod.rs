//! In-memory reference adapters: for tests, for trying out the library, and as the simplest implementation of the contracts.

mod fleet;
mod membership;
mod operations;
mod store;

pub use fleet::{MemoryFleet, Readiness};
pub use membership::MemoryMembership;
pub use store::{MemoryStore, Row};
