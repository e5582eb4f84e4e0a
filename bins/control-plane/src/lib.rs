//! The program `control-plane`, which elects itself, watches items and workers, and moves slots; and `chart-secrets`. Both speak with
//! Kubernetes, which no other program does.

mod auditing;
mod config;
mod kubernetes;
mod metrics;
mod observe;
mod old_transactions;
mod run;
pub mod scaling;
pub mod secrets;

pub use config::{AutoscaleArgs, AutoscaleMode, ControlArgs, ControlPlaneArgs};
pub use run::run;
