//! Arguments of the commands that steer.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use notifi_scaler_common::config::seconds;
use scaler_core::{RingKind, WISH_TEXT_LIMIT, WISH_WEIGHT_LIMIT, Weight, WorkerId};

use crate::commands::servers::ServersArgs;
use crate::output::OutputArgs;

/// Name of an operator whose login name is not known.
const UNKNOWN: &str = "unknown";

/// Arguments of every command that steers.
#[derive(Clone, Debug, Args)]
pub struct WishArgs {
    /// Reason, which is shown to other operators
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = text)]
    pub note: String,
    /// Name of the operator [default: the login name]
    #[arg(long, value_name = "NAME", value_parser = text)]
    pub by: Option<String>,
    /// Do not ask for confirmation; required without a terminal
    #[arg(long, short)]
    pub yes: bool,
    /// Wait until it is carried out (exit code 1 if it is not within --timeout)
    #[arg(long)]
    pub until_done: bool,
    /// Maximum time to wait with --until-done: seconds, or a duration such as 5m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = seconds)]
    pub timeout: Duration,
    /// Ring of the control planes, which --until-done needs: `sticky`, `hash-ring` or `rendezvous`
    #[arg(long, env, default_value_t)]
    pub ring: RingKind,
    /// Format of the output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Servers.
    #[command(flatten)]
    pub servers: ServersArgs,
}

/// Arguments of commands about one worker.
#[derive(Clone, Debug, Args)]
pub struct PodArgs {
    /// Name of the worker
    pub pod: WorkerId,
    /// Accept a worker that is no member and owns no slots
    #[arg(long)]
    pub even_if_unknown: bool,
    /// Arguments of every command that steers.
    #[command(flatten)]
    pub wish: WishArgs,
}

/// Arguments of `notifi-scaler weigh`.
#[derive(Clone, Debug, Args)]
pub struct WeighArgs {
    /// Worker, and arguments of every command that steers.
    #[command(flatten)]
    pub pod: PodArgs,
    /// Share relative to the other workers, from 1 to 1000, or `default`
    #[arg(value_name = "N|default")]
    pub weight: WeightArg,
}

/// Arguments of `notifi-scaler pin`.
#[derive(Clone, Debug, Args)]
pub struct PinArgs {
    /// Number of a slot, or the id of an item; `slot:5` and `item:5` tell them apart
    #[arg(value_name = "ITEM|SLOT")]
    pub target: String,
    /// Worker, and arguments of every command that steers.
    #[command(flatten)]
    pub pod: PodArgs,
}

/// Arguments of `notifi-scaler unpin`.
#[derive(Clone, Debug, Args)]
pub struct UnpinArgs {
    /// Number of a slot, or the id of an item; `slot:5` and `item:5` tell them apart
    #[arg(value_name = "ITEM|SLOT")]
    pub target: String,
    /// Arguments of every command that steers.
    #[command(flatten)]
    pub wish: WishArgs,
}

/// Arguments of `notifi-scaler wishes`.
#[derive(Clone, Debug, Args)]
pub struct WishesArgs {
    /// Format of the output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Connection settings of Postgres.
    #[command(flatten)]
    pub postgres: notifi_scaler_common::config::PostgresArgs,
    /// Maximum wait for Postgres.
    #[command(flatten)]
    pub wait: notifi_scaler_common::config::WaitArgs,
}

/// Weight of a worker; `None` for the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightArg(pub Option<Weight>);

/// Text that is not a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to {WISH_WEIGHT_LIMIT}, or `default`")]
pub struct BadWeight;

impl FromStr for WeightArg {
    type Err = BadWeight;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "default" {
            return Ok(Self(None));
        }
        let number = text.parse().ok().filter(|number| (1..=WISH_WEIGHT_LIMIT).contains(number)).ok_or(BadWeight)?;
        Weight::new(number).map(|weight| Self(Some(weight))).ok_or(BadWeight)
    }
}

impl WishArgs {
    /// Returns the name of the operator.
    pub(in crate::commands) fn operator(&self) -> String {
        operator(self.by.as_deref(), |variable| std::env::var(variable).ok())
    }
}

fn operator(by: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> String {
    let login = || ["SUDO_USER", "USER"].into_iter().filter_map(variable).find(|name| !name.is_empty());
    by.map(str::to_owned).or_else(login).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// Text that cannot be kept with a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at most {WISH_TEXT_LIMIT} characters, in one line")]
pub(super) struct BadText;

fn text(text: &str) -> Result<String, BadText> {
    let fits = text.chars().count() <= WISH_TEXT_LIMIT && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(BadText) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_a_number_or_the_default() {
        assert_eq!("default".parse(), Ok(WeightArg(None)));
        assert_eq!("2".parse(), Ok(WeightArg(Weight::new(2))));
        for bad in ["", "0", "1001", "-1", "1.5", "two"] {
            assert_eq!(bad.parse::<WeightArg>(), Err(BadWeight), "{bad}");
        }
    }

    #[test]
    fn an_operator_is_named_or_is_the_login_name() {
        let login = |variable: &str| (variable == "USER").then(|| "bob".to_owned());
        let sudo = |variable: &str| Some(if variable == "SUDO_USER" { "alice" } else { "root" }.to_owned());
        assert_eq!(operator(Some("carol"), sudo), "carol");
        assert_eq!(operator(None, sudo), "alice");
        assert_eq!(operator(None, login), "bob");
        assert_eq!(operator(None, |_| None), "unknown");
        assert_eq!(operator(None, |_| Some(String::new())), "unknown");
    }

    #[test]
    fn a_note_is_one_short_line() {
        assert_eq!(text("disk full"), Ok("disk full".to_owned()));
        for bad in ["two\nlines", "bell\u{7}", &"x".repeat(201)] {
            assert_eq!(text(bad), Err(BadText));
        }
    }
}
