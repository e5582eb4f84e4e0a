//! The servers that workers and control planes use, and how to wait for them.

mod membership;
mod store;
mod wait;

pub use membership::membership;
pub use store::Store;
pub use wait::ServerWait;
