//! The command-line tool: demonstrates the system in one process, and operates one on real servers.

use std::process::ExitCode;

use notifi_scaler::commands;
use notifi_scaler_common::{config, program};

fn main() -> ExitCode {
    program::run("notifi-scaler", async { commands::run(config::parse()?).await })
}
