//! The tool: tries the system in one process, and looks after one on real servers.

use std::process::ExitCode;

use notifi_scaler::{config, program, tool};

fn main() -> ExitCode {
    program::run("notifi-scaler", async { tool::run(config::parse()?).await })
}
