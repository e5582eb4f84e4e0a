//! The servers that workers and control planes use, and how to wait for them.

mod membership;
mod store;

pub use membership::membership;
pub use store::{Store, once_there};
