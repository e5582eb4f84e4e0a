//! `notifi-scaler top`: shows the system full-screen, each second.

#[cfg(feature = "top")]
mod screen;
#[cfg(feature = "top")]
mod terminal;

use std::io::{self, IsTerminal};

use clap::Args;
use notifi_scaler_common::Failure;

use super::servers::ServersArgs;

/// Arguments of `notifi-scaler top`.
#[derive(Clone, Debug, Args)]
pub struct TopArgs {
    /// Servers.
    #[command(flatten)]
    pub servers: ServersArgs,
}

pub(super) async fn run(args: &TopArgs) -> Result<(), Failure> {
    needs_terminal(io::stdin().is_terminal() && io::stdout().is_terminal())?;
    show(args).await
}

fn needs_terminal(is_terminal: bool) -> Result<(), Failure> {
    if is_terminal {
        return Ok(());
    }
    Err(Failure::Arguments(
        "`top` needs a terminal; use `notifi-scaler status` or `notifi-scaler events --follow` without one".into(),
    ))
}

#[cfg(feature = "top")]
async fn show(args: &TopArgs) -> Result<(), Failure> {
    terminal::show(args).await
}

#[cfg(not(feature = "top"))]
async fn show(_args: &TopArgs) -> Result<(), Failure> {
    std::future::ready(Err(Failure::Arguments(
        "this build has no `top`; build it by `cargo build -p notifi-scaler --features top`, or use `notifi-scaler status`"
            .into(),
    )))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_it_names_what_to_use() {
        assert!(needs_terminal(true).is_ok());
        let failure = needs_terminal(false).unwrap_err();
        assert!(failure.code() == 64 && failure.to_string().contains("status"), "{failure}");
    }
}
