//! Reference adapters in memory: for tests, for a first try, and as the plainest reading of the contracts.

mod fleet;
mod membership;
mod store;

pub use fleet::{MemoryFleet, Readiness};
pub use membership::MemoryMembership;
pub use store::{MemoryStore, Row};
