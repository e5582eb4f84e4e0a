//! Shards: stores that hold a range of the slots each.
//!
//! A shard is a complete [`WorkStore`](crate::WorkStore) with its own clock, leader and items. Its installation has the slot count of all
//! shards, and only the slots of its range have owners. No step needs two shards, so any placement of shards is correct, and a shard that is
//! away stops its own slots only.
//!
//! [`ShardMap`] divides the slots. Shards can be used in two ways:
//!
//! - **Side by side**: each shard has control planes and workers of its own, in the same processes. An
//!   [`Assignment`](crate::Assignment) says which slots its shard has, and the control plane shares only those: verdicts, the mass-failure
//!   guard and leadership are by shard.
//! - [`ShardedStore`] makes one store of all shards, for a caller that needs one.

mod answers;
mod election;
mod map;
mod store;
mod work_store;

pub use map::{InvalidShards, ShardMap};
pub use store::{InvalidShardedStore, ShardError, ShardedStore};
