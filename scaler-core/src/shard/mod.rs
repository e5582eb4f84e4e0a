//! Shards: stores that hold a range of the slots each.
//!
//! A shard is a complete [`WorkStore`](crate::WorkStore) with its own clock, leader and items. Its installation has the slot count of all
//! shards, and only the slots of its range have owners. No step needs two shards, so any placement of shards is correct, and a shard that is
//! away stops its own slots only.
//!
//! [`ShardMap`] divides the slots, and [`ShardedStore`] makes one store of all shards.

mod answers;
mod election;
mod map;
mod store;
mod work_store;

pub use map::{InvalidShards, ShardMap};
pub use store::{InvalidShardedStore, ShardError, ShardedStore};
