//! A worker: increments the items of the slots it owns once a second, and prints their ids.

use std::process::ExitCode;

use notifi_scaler_common::{config, program};

fn main() -> ExitCode {
    program::run("worker", async { worker::run(&config::parse()?).await })
}
