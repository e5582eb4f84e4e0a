//! `notifi-scaler doctor`: runs all checks, and prints what is not well.

use std::time::Duration;

use clap::Args;
use notifi_scaler_common::checks::{self, Check, CheckState, Facts};
use notifi_scaler_common::config::{PoolerMode, seconds};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::{Failure, config::Secrets, servers::membership};
use scaler_core::{Clock, TokioClock};
use scaler_pg::PgStore;
use serde_json::{Value, json};

use super::open;
use super::servers::ServersArgs;
use crate::output::OutputArgs;

/// Interval between two runs of the checks with `--until-well`.
const INTERVAL: Duration = Duration::from_secs(1);

/// Arguments of `notifi-scaler doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// Print every check in one line each, with versions, to paste into an issue
    #[arg(long)]
    pub short: bool,
    /// Repeat the checks until all pass (exit code 1 if they do not within --timeout)
    #[arg(long)]
    pub until_well: bool,
    /// Maximum time to wait with --until-well: seconds, or a duration such as 5m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = seconds)]
    pub timeout: Duration,
    /// Format of the output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Servers.
    #[command(flatten)]
    pub servers: ServersArgs,
}

pub(super) async fn run(args: &DoctorArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let store = open(&args.servers.postgres, &args.servers.wait).await?;
    let clock = TokioClock::start();
    let end = clock.now() + args.timeout;
    let found = loop {
        let found = checks::all(&facts(args, &store).await?);
        if !args.until_well || checks::are_well(&found) || clock.now() >= end {
            break found;
        }
        tokio::time::sleep(INTERVAL).await;
    };
    args.output.finish(lines, || if args.short { short(&found) } else { text(&found) }, || document(&found));
    if checks::are_well(&found) { Ok(()) } else { Err(Failure::Check(amiss(&found))) }
}

/// Reads what the checks need. The membership is asked once: its failure is a finding.
async fn facts(args: &DoctorArgs, store: &PgStore) -> Result<Facts, Failure> {
    let endpoint = args.servers.membership.endpoint(&Secrets::from_env())?;
    let members = async || Ok(membership(store, &endpoint, &args.servers.membership).await?.members().await?);
    let members: Result<_, Failure> = members().await;
    let facts = Facts::read(store, members.map_err(|failure| failure.to_string())).await;
    Ok(Facts { behind_pooler: args.servers.postgres.postgres_pooler == PoolerMode::Transaction, ..facts })
}

fn is_well(check: &&Check) -> bool {
    check.state == CheckState::Ok
}

/// Returns what is not well, each with its page; one line if everything is.
fn text(found: &[Check]) -> String {
    let well = found.iter().filter(is_well).count();
    let all = format!("{well} of {} checks pass", found.len());
    let others = found.iter().filter(|check| !is_well(check));
    let described = others
        .map(|check| format!("\n{:<8} {}: {}\n         see {}", check.state.as_str(), check.name, check.text, check.guide()));
    std::iter::once(all).chain(described).collect()
}

/// Returns every check, with the version of this program.
fn short(found: &[Check]) -> String {
    let version = format!("notifi-scaler {}", env!("CARGO_PKG_VERSION"));
    let lines = found.iter().map(|check| format!("\n{:<8} {}: {}", check.state.as_str(), check.name, check.text));
    std::iter::once(version).chain(lines).collect()
}

/// Returns every check as an object, as the operators' API has it.
fn document(found: &[Check]) -> Value {
    let one =
        |check: &Check| json!({"name": check.name, "state": check.state.as_str(), "text": check.text, "guide": check.guide()});
    json!({
        "ok": checks::are_well(found), "version": env!("CARGO_PKG_VERSION"), "checks": found.iter().map(one).collect::<Vec<_>>(),
    })
}

fn amiss(found: &[Check]) -> Vec<String> {
    let is_amiss = |check: &&Check| check.state > CheckState::Unknown;
    found.iter().filter(is_amiss).map(|check| format!("{}: {}", check.name, check.state.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Vec<Check> {
        let check = |name, state, text: &str| Check { name, state, text: text.into() };
        vec![
            check("leader", CheckState::Ok, "a leader leads"),
            check("doubles", CheckState::Unknown, "no rows"),
            check("pins", CheckState::Warning, "one is void"),
        ]
    }

    #[test]
    fn only_what_is_not_well_is_printed() {
        let expected = "\
1 of 3 checks pass
unknown  doubles: no rows
         see docs/operate/doctor.md#doubles
warning  pins: one is void
         see docs/operate/doctor.md#pins";
        assert_eq!(text(&found()), expected);
        assert_eq!(text(&found()[..1]), "1 of 1 checks pass");
        assert_eq!(amiss(&found()), ["pins: warning"]);
    }

    #[test]
    fn the_short_form_has_every_check_and_the_version() {
        let text = short(&found());
        assert!(text.starts_with("notifi-scaler 0.") && text.lines().count() == 4, "{text}");
        assert!(text.contains("\nok       leader: a leader leads\n"), "{text}");
    }

    #[test]
    fn the_document_has_every_check() {
        let document = document(&found());
        assert_eq!((&document["ok"], document["checks"].as_array().unwrap().len()), (&json!(false), 3));
        assert_eq!(document["checks"][2]["guide"], "docs/operate/doctor.md#pins");
    }
}
