//! What the binaries `control-plane`, `worker` and `notifi-scaler` are made of: configuration, log lines, health and
//! metrics, shutdown, the choice of servers, and the system that runs in one process.
//!
//! The work itself is done by [`scaler_core`]; here it only gets its servers, its clock and its audience.

pub mod auditing;
pub mod config;
pub mod control_plane;
mod dual_stack;
mod failure;
pub mod health;
mod kubernetes;
pub mod lines;
mod listener;
pub mod local;
pub mod metrics;
pub mod observe;
pub mod program;
pub mod rate;
pub mod readiness;
pub mod removal;
pub mod scaling;
pub mod servers;
pub mod shutdown;
pub mod table;
pub mod telemetry;
pub mod tool;
pub mod watching;
pub mod words;
pub mod worker;

pub use failure::{Failure, OTHER, UNAVAILABLE, USAGE};
