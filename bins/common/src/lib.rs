//! Shared code of the programs: configuration, log lines, health and metrics, shutdown, and connections to the servers.

pub mod api;
pub mod checks;
pub mod config;
mod dual_stack;
pub mod explain;
mod failure;
pub mod health;
pub mod item_list_printer;
mod listener;
pub mod metrics;
pub mod observe;
pub mod overview;
pub mod program;
pub mod rate;
pub mod readiness;
pub mod servers;
pub mod shutdown;
pub mod stdout_writer;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod utc;
pub mod view;
mod write_deadline;

pub use failure::{Failure, OTHER, UNAVAILABLE, USAGE};
