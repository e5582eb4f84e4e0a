//! Old names of flags and variables, renamed when durations got units. They are read until 0.2.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

/// Renamed variable: its name, its old name, and the unit of the old value. The flags have the same names in lower case.
struct Renamed {
    name: &'static str,
    old: &'static str,
    unit: &'static str,
}

const fn renamed(name: &'static str, old: &'static str, unit: &'static str) -> Renamed {
    Renamed { name, old, unit }
}

const RENAMED: [Renamed; 26] = [
    renamed("POSTGRES_RECONNECT_SPREAD", "POSTGRES_RECONNECT_SPREAD_MS", "ms"),
    renamed("POSTGRES_CONNECT_TIMEOUT", "POSTGRES_CONNECT_TIMEOUT_MS", "ms"),
    renamed("POSTGRES_COMMAND_TIMEOUT", "POSTGRES_COMMAND_TIMEOUT_MS", "ms"),
    renamed("POSTGRES_STATEMENT_TIMEOUT", "POSTGRES_STATEMENT_TIMEOUT_MS", "ms"),
    renamed("POSTGRES_LOCK_TIMEOUT", "POSTGRES_LOCK_TIMEOUT_MS", "ms"),
    renamed("REDIS_COMMAND_TIMEOUT", "REDIS_COMMAND_TIMEOUT_MS", "ms"),
    renamed("LEASE", "LEASE_MS", "ms"),
    renamed("SCAN_INTERVAL", "SCAN_INTERVAL_MS", "ms"),
    renamed("HANDOVER_INTERVAL", "HANDOVER_INTERVAL_MS", "ms"),
    renamed("DEBOUNCE", "GATHER_MS", "ms"),
    renamed("CENSUS_INTERVAL", "CENSUS_INTERVAL_MS", "ms"),
    renamed("FLAP_DAMPING", "DAMPING_S", "s"),
    renamed("ROLLOUT_LIMIT", "ROLLOUT_LIMIT_S", "s"),
    renamed("LOAD_REBALANCE_INTERVAL", "SETTLE_INTERVAL_S", "s"),
    renamed("SWEEP_AFTER", "SWEEP_AFTER_S", "s"),
    renamed("STALE_AFTER", "STALE_AFTER_MS", "ms"),
    renamed("TICK_GRACE", "TICK_GRACE_MS", "ms"),
    renamed("MASS_FAILURE_HOLD", "HOLD_S", "s"),
    renamed("HEARTBEAT_INTERVAL", "HEARTBEAT_INTERVAL_MS", "ms"),
    renamed("DRAIN_TIMEOUT", "DRAIN_TIMEOUT_S", "s"),
    renamed("FIRST_RETRY", "FIRST_RETRY_MS", "ms"),
    renamed("LONGEST_RETRY", "LONGEST_RETRY_MS", "ms"),
    renamed("AUTOSCALE_UP_INTERVAL", "AUTOSCALE_UP_EVERY_S", "s"),
    renamed("AUTOSCALE_DOWN_WINDOW", "AUTOSCALE_DOWN_WINDOW_S", "s"),
    renamed("AUTOSCALE_DOWN_INTERVAL", "AUTOSCALE_DOWN_EVERY_S", "s"),
    renamed("AUDIT_INTERVAL", "AUDIT_EVERY_S", "s"),
];

/// Makes each argument fall back to its old variable, if neither its flag nor its new variable is set. The default comes last.
pub(super) fn with_old_variables(command: Command, look_up: &impl Fn(&str) -> Option<OsString>) -> Command {
    command.mut_args(|arg| fall_back(arg, look_up)).mut_subcommands(|subcommand| with_old_variables(subcommand, look_up))
}

fn fall_back(arg: Arg, look_up: &impl Fn(&str) -> Option<OsString>) -> Arg {
    let Some(renamed) = RENAMED.iter().find(|renamed| arg.get_env() == Some(OsStr::new(renamed.name))) else { return arg };
    match look_up(renamed.old).and_then(|value| value.into_string().ok()) {
        // The value name makes an error name the variable that is set.
        Some(value) => arg.default_value(with_unit(&value, renamed)).value_name(renamed.old),
        None => arg,
    }
}

/// Replaces old flags of a command line by new ones: `--lease-ms 5000` and `--lease-ms=5000` become `--lease=5000ms`.
pub(super) fn with_new_flags(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.into_iter();
    let mut result = Vec::new();
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        let (flag, value) = text.split_once('=').map_or((text, None), |(flag, value)| (flag, Some(value.to_owned())));
        match RENAMED.iter().find(|renamed| flag == flag_of(renamed.old)) {
            None => result.push(word),
            Some(renamed) => match value.or_else(|| words.next().map(|value| value.to_string_lossy().into_owned())) {
                Some(value) => result.push(format!("{}={}", flag_of(renamed.name), with_unit(&value, renamed)).into()),
                None => result.push(flag_of(renamed.name).into()),
            },
        }
    }
    result
}

fn flag_of(variable: &str) -> String {
    format!("--{}", variable.to_ascii_lowercase().replace('_', "-"))
}

/// Appends the unit of the old variable to a number. Any other text stays unchanged, so that the error shows it.
fn with_unit(value: &str, renamed: &Renamed) -> String {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { format!("{value}{}", renamed.unit) } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;
    use crate::config::duration;

    #[derive(Debug, Parser)]
    struct Times {
        #[arg(long, env = "LEASE", default_value = "5s", value_parser = duration)]
        lease: Duration,
        #[arg(long, env = "DEBOUNCE", default_value = "1s", value_parser = duration)]
        debounce: Duration,
    }

    fn parse(words: &[&str], variables: &[(&str, &str)]) -> Result<[u128; 2], String> {
        let look_up = |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.into());
        let words = with_new_flags(words.iter().map(OsString::from));
        let matches = with_old_variables(Times::command(), &look_up).try_get_matches_from(words);
        let times = matches.and_then(|matches| Times::from_arg_matches(&matches)).map_err(|error| error.to_string())?;
        Ok([times.lease.as_millis(), times.debounce.as_millis()])
    }

    #[test]
    fn old_names_are_read_in_their_units() {
        assert_eq!(parse(&["test"], &[]), Ok([5000, 1000]));
        assert_eq!(parse(&["test"], &[("LEASE_MS", "250"), ("GATHER_MS", "7")]), Ok([250, 7]));
        assert_eq!(parse(&["test", "--lease-ms", "30", "--gather-ms=40"], &[]), Ok([30, 40]));
        assert_eq!(parse(&["test", "--lease", "2s"], &[("LEASE_MS", "250")]), Ok([2000, 1000]), "the new name counts");
    }

    #[test]
    fn a_bad_value_under_an_old_name_is_named_by_it() {
        let error = parse(&["test"], &[("LEASE_MS", "soon")]).unwrap_err();
        assert!(error.contains("'soon'") && error.contains("LEASE_MS") && error.contains("250ms, 5s or 2m"), "{error}");
        assert!(parse(&["test", "--lease-ms"], &[]).unwrap_err().contains("--lease"));
    }

    #[test]
    fn every_old_name_has_one_new_name() {
        let names: std::collections::BTreeSet<_> = RENAMED.iter().flat_map(|renamed| [renamed.name, renamed.old]).collect();
        assert_eq!(names.len(), 2 * RENAMED.len());
    }
}
