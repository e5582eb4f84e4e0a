//! Logging to stderr.

use clap::ValueEnum;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::config::LogArgs;

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging to stderr. Only the first call in a process has an effect.
///
/// Without a filter in `args`, lines up to `level` are logged.
pub fn init(args: &LogArgs, level: LevelFilter) {
    let filter = args.log.clone().unwrap_or_else(|| Targets::new().with_default(level));
    let registry = tracing_subscriber::registry().with(quiet(&filter));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let _ = match args.log_format {
        LogFormat::Text => registry.with(lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
}

/// Returns the filter, with client libraries limited to warnings unless it names them: the programs log their failures themselves.
fn quiet(filter: &Targets) -> Targets {
    let clients = [("sqlx", LevelFilter::WARN)];
    let asked: Vec<_> = filter.iter().map(|(target, level)| (target.to_owned(), level)).collect();
    let base = Targets::new().with_targets(clients).with_default(filter.default_level().unwrap_or(LevelFilter::OFF));
    base.with_targets(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn clients_are_quiet_unless_asked() {
        let plain = quiet(&"debug".parse().unwrap());
        assert!(plain.would_enable("scaler_core", &Level::DEBUG));
        assert!(!plain.would_enable("sqlx::query", &Level::INFO));
        let asked = quiet(&"info,sqlx=debug".parse().unwrap());
        assert!(asked.would_enable("sqlx::query", &Level::DEBUG));
        assert!(!asked.would_enable("scaler_core", &Level::DEBUG));
    }
}
