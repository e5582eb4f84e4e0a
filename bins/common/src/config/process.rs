//! Arguments of every long-running program: logging, and the address for health and metrics.

use std::net::SocketAddr;
use std::str::FromStr;

use clap::Args;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::value::BadValue;
use crate::telemetry::LogFormat;

/// Logging, and the address for health and metrics.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Process")]
pub struct ProcessArgs {
    /// Address for /health, /ready and /metrics, or `off`; `[::]` is every IPv6 and IPv4 address
    #[arg(long, env, default_value = "[::]:8080")]
    pub listen: Listen,
    /// Logging.
    #[command(flatten)]
    pub logging: LogArgs,
}

/// Log level and log format.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Process")]
pub struct LogArgs {
    /// Log level, or levels by target such as info,scaler_pg=debug [default: info; warn for `notifi-scaler`, except `migrate`]
    #[arg(long, env, value_parser = filter)]
    pub log: Option<Targets>,
    /// Format of log lines
    #[arg(long, env, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Do not listen.
    Off,
    /// Listen on this address.
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            address => address.parse().map(Self::At).map_err(|_| BadValue::Listen),
        }
    }
}

/// Parses a log filter. Rejects a bare word that is not a level: it would be taken for a target and disable all other logs.
fn filter(text: &str) -> Result<Targets, BadValue> {
    let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
    let clear = text.split(',').all(|part| part.contains('=') || is_level(part));
    text.parse().ok().filter(|_| clear).ok_or(BadValue::Filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_levels_by_target() {
        for good in ["info", "off", "warn,scaler_pg=debug", "notifi_scaler=trace"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["", "loud", "scaler_pg", "scaler_pg=loud", "info,,debug"] {
            assert_eq!(filter(bad).map(|_| ()), Err(BadValue::Filter), "{bad}");
        }
    }

    #[test]
    fn an_address_has_a_port() {
        assert_eq!("off".parse(), Ok(Listen::Off));
        assert_eq!("[::]:8080".parse(), Ok(Listen::At("[::]:8080".parse().unwrap())));
        for bad in ["", "8080", "localhost:8080", "0.0.0.0"] {
            assert_eq!(bad.parse::<Listen>(), Err(BadValue::Listen), "{bad}");
        }
    }
}
