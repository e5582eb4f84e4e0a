//! [`scaler_core::Membership`] on Redis.
//!
//! The hash `workers` holds what each worker says of itself, as short JSON, so that `redis-cli hgetall workers` tells
//! people who is there:
//!
//! ```text
//! worker-1  {"state":"active","incarnation":"6f0c…","tick":1763836000,"slots":1365,"items":4,"ids":["0b0e…"]}
//! ```
//!
//! Beside it stand `{workers}:seen`, the moment each was last heard, by the clock of Redis, `{workers}:superseded`, the
//! incarnations that lost their name, and `{workers}:retiring`, the workers that were retired; the channel
//! `{workers}:nudge` carries the nudges.
//!
//! All of it may vanish: with the next heartbeat of each worker it is there again. Every script is sent whole, so it is
//! not missed when Redis forgets its scripts; Redis compiles it once all the same.

mod client;
mod config;
mod error;
mod json;
mod keys;
mod membership;
mod password;
mod reason;
mod target;
mod tls;
mod wake_up;

pub use config::RedisConfig;
pub use membership::RedisMembership;
pub use tls::{ClientIdentity, RedisTls};
