//! [`scaler_core`]'s [`WorkStore`](scaler_core::WorkStore), [`Election`](scaler_core::Election) and [`Membership`](scaler_core::Membership) on
//! Postgres 14 and later.
//!
//! The statement that works on items checks the fence, and the statement that moves slots checks the term. Each statement is one `.sql` file in
//! `sql/`, which explains it at its top. [`PgStore::builder`] describes a *group*: a schema that holds the slots, a table with its key, and the
//! statement of a tick. Without a description, the table is `public.work_items`, whose values are incremented. [`PgStore::install`] creates the
//! schema; a user's table gets an index on the slot. [`PgStore::grant`] gives the roles of workers and control planes exactly the privileges that
//! they need.

mod access_mode;
mod audit;
mod backend;
mod builder;
mod census;
mod circuit;
mod config;
mod connection;
mod digest_cache;
mod election;
mod error;
mod functions;
mod group;
mod health;
mod hosts;
mod identifier;
mod idle;
mod install;
mod installed;
mod items;
mod key;
mod liveness;
mod membership;
mod operations;
mod optimize;
mod password;
mod pool;
mod refused;
mod rewrite;
mod roles;
mod row;
mod sessions;
mod sql;
mod statement;
mod store;
mod table;
mod template;
mod vacuum;
mod wake_ups;

pub use audit::Scope;
pub use builder::PgStoreBuilder;
pub use config::{PgConfig, Pooler, TickCommit};
pub use election::Leader;
pub use health::Health;
pub use install::Installation;
pub use items::{FoundItem, ItemRow};
pub use membership::PgMembership;
pub use optimize::{Optimized, Spread};
pub use rewrite::Rewritten;
pub use roles::{Roles, WorkerAccess};
pub use store::PgStore;

/// Compiles the README's example as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
