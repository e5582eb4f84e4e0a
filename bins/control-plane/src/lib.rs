//! The programs `control-plane`, which takes part in leader election, watches items and workers, and moves slots, and `chart-secrets`.
//! Only these two use the Kubernetes API.

mod auditing;
mod checks;
mod config;
mod kubernetes;
mod kubernetes_events;
mod leading;
mod metrics;
mod observe;
mod old_transactions;
mod page;
mod run;
pub mod scaling;
pub mod secrets;

pub use config::{AutoscaleArgs, AutoscaleMode, ControlArgs, ControlPlaneArgs};
pub use run::run;
