//! Creates the missing Secrets of the chart. A job of the chart runs it before everything else.

use std::process::ExitCode;

use control_plane::secrets;
use notifi_scaler_common::{config, program};

fn main() -> ExitCode {
    program::run("chart-secrets", async { secrets::run(&config::parse()?).await })
}
