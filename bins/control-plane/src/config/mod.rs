//! Flags and environment variables of the control plane.

mod autoscale;
mod control;

pub use autoscale::{AutoscaleArgs, AutoscaleMode};
pub use control::{ControlArgs, ControlPlaneArgs};
