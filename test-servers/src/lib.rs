//! Real Postgres and Redis servers for tests and benchmarks.
//!
//! Most tests use [`Postgres::database`], a new database on the shared server of the process, or [`Redis::shared`] with a
//! [prefix](Redis::unique_prefix) of their own. A test that stops and starts its server uses a private one:
//! [`Postgres::private`], [`Redis::private`]; or, for TLS with certificates of a new [`Authority`],
//! [`Postgres::private_with_tls`], [`Redis::private_with_tls`].
//!
//! A shared server comes from the first available source; a private one from programs of this machine or else from
//! Docker:
//!
//! 1. a URL in the environment: `TEST_DATABASE_URL` (a superuser), `TEST_REDIS_URL`;
//! 2. Docker, where an engine runs and has the image: `postgres:17`, `redis:7`, or the ones named by
//!    `TEST_POSTGRES_IMAGE`, `TEST_REDIS_IMAGE`;
//! 3. programs of this machine, found in `PATH` or where Debian keeps them.
//!
//! `TEST_POSTGRES_BIN`, `TEST_REDIS_BIN` and `TEST_PGBOUNCER_BIN` name a folder of programs. All servers of that kind then use
//! these programs, even if Docker is available: `scripts/matrix` tests other versions this way.
//!
//! Servers that work together come from programs of this machine only: [`PostgresPair`], a primary and its standby;
//! [`PgBouncer`], a connection pooler; [`Sentinel`], a Redis with a replica and automatic failover; [`RedisCluster`]. So does a
//! Postgres with a [`Clock`] of its own.
//!
//! A test that drops packets runs in a network namespace of its own: [`in_own_network`].
//!
//! A test without its server fails with a message that lists the attempts. No process or file stays behind when the test
//! process ends, even if it is killed: each server has a keeper, a process that the kernel notifies of that end.
//!
//! The program `with-servers` runs any command with both servers:
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
