//! A real Postgres and a real Redis for tests and benches.
//!
//! Most tests want [`Postgres::database`], a fresh database on the one server of the process, or [`Redis::shared`]
//! with a [prefix](Redis::unique_prefix) of their own. A test that stops and starts its server takes a private one:
//! [`Postgres::private`], [`Redis::private`]; for TLS, with certificates of an [`Authority`] of its own,
//! [`Postgres::private_with_tls`], [`Redis::private_with_tls`].
//!
//! A shared server comes from the first of these that gives one; a private one from the last two, the last one first:
//!
//! 1. a URL in the environment: `TEST_DATABASE_URL` (a superuser), `TEST_REDIS_URL`;
//! 2. Docker, where an engine runs and has the image: `postgres:17`, `redis:7`, or the ones named by
//!    `TEST_POSTGRES_IMAGE`, `TEST_REDIS_IMAGE`;
//! 3. programs of this machine, found in `PATH` or where Debian keeps them.
//!
//! `TEST_POSTGRES_BIN`, `TEST_REDIS_BIN` and `TEST_PGBOUNCER_BIN` name a folder of programs, of which all servers of that
//! kind are then made, Docker or not: `scripts/matrix` tests other versions so.
//!
//! Servers that work together come from programs of this machine only: [`PostgresPair`], a primary and its standby; [`PgBouncer`], a pooler;
//! [`Sentinel`], a Redis, its replica and who replaces one by the other; [`RedisCluster`]. So does a
//! Postgres that lives by a [`Clock`] of its own.
//!
//! A test of packets that are dropped runs in a network namespace of its own: [`in_own_network`].
//!
//! A test without its server fails, and says what was tried. Nothing stays behind when the process ends, however it
//! ends: each server has a keeper, a process that the kernel tells of our end.
//!
//! The program `with-servers` gives both servers to any command:
//!
//! ```text
//! cargo run -p test-servers --bin with-servers -- cargo test --workspace
//! ```

mod attack;
mod authority;
mod clock;
mod cluster;
mod docker;
mod error;
mod inline;
mod keeper;
mod kind;
mod local;
mod network;
mod options;
mod pair;
mod pgbouncer;
mod postgres;
mod redis;
mod sentinel;
mod server;

pub use attack::AttackSurface;
pub use authority::{Authority, Identity, ServerCertificate};
pub use clock::Clock;
pub use cluster::RedisCluster;
pub use error::NoServer;
pub use network::{Network, in_own_network};
pub use pair::PostgresPair;
pub use pgbouncer::PgBouncer;
pub use postgres::{Database, Postgres};
pub use redis::Redis;
pub use sentinel::Sentinel;
