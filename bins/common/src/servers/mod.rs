//! Servers that the programs use, and the wait for them at the start.

mod membership;
mod store;
mod wait;

pub use membership::membership;
pub use store::Store;
pub use wait::ServerWait;
