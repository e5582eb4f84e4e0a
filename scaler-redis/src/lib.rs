//! [`scaler_core::Membership`] on Redis.
//!
//! The hash `workers` holds a record of each worker, as short JSON, so that `redis-cli hgetall workers` shows the members:
//!
//! ```text
//! worker-1  {"state":"active","incarnation":"6f0c…","tick":1763836000,"slots":1365,"items":4,"ids":["0b0e…"]}
//! ```
//!
//! `{workers}:seen` holds the time of each worker's last heartbeat, by the clock of Redis, `{workers}:superseded` the incarnations that lost
//! their name, and `{workers}:retiring` the workers that were retired. The channel `{workers}:nudge` carries the wake-up notifications.
//!
//! All of these keys may be lost: the next heartbeat of each worker restores its record. Every script is sent in full, so it works after
//! Redis has flushed its script cache; Redis compiles it only once all the same.

mod client;
mod config;
mod error;
mod keys;
mod membership;
mod password;
mod reason;
mod target;
mod tls;

pub use config::RedisConfig;
pub use membership::RedisMembership;
pub use tls::{ClientIdentity, RedisTls};
