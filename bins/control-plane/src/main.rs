//! A control plane: takes part in leader election, watches items and workers, and moves slots.

use std::process::ExitCode;

use notifi_scaler_common::{config, program};

fn main() -> ExitCode {
    program::run("control-plane", async { control_plane::run(&config::parse()?).await })
}
