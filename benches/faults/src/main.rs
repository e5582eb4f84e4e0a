//! Fault tests of the programs, on a real Postgres and a real Redis, checked by an independent oracle.
#![expect(clippy::disallowed_methods, reason = "it measures, by the clock of the machine")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program, and this is where it speaks")]
#![expect(unreachable_pub, reason = "its modules are for each other, and nobody else")]

mod catalog;
mod crowd;
mod dice;
mod error;
mod faults;
mod oracle;
mod programs;
mod proxy;
mod report;
mod stage;
mod wait;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::timeout;

use crate::catalog::{FAULTS, Fault, When};
use crate::dice::Dice;
use crate::report::{HEAD, Report};
use crate::stage::{Pace, Stage};

/// Maximum number of concurrent faults. Each has several processes that are sensitive to timing.
const SIDE_BY_SIDE: usize = 2;

/// Plays faults on real servers and reports the results. Exit code 0 if every limit holds, 1 if not, 64 for an unknown name
#[derive(Debug, Parser)]
#[command(name = "scripts/faults")]
struct Arguments {
    /// Faults to play, by name or number [default: all]
    names: Vec<String>,
    /// Folder of the programs control-plane, worker and notifi-scaler
    #[arg(long, default_value = "target/release")]
    programs: PathBuf,
    /// List faults only: all, or those that are named
    #[arg(long)]
    list: bool,
    /// Play the short set, with shorter times
    #[arg(long)]
    short: bool,
    /// Print {"rows": [{"name", "value", "limit", "ok"}]}
    #[arg(long)]
    json: bool,
    /// Duration of the mix of all faults, in seconds; without names, only the mix is played
    #[arg(long, value_name = "SECONDS")]
    soak: Option<u64>,
    /// Multiply time limits by this factor, for a busy machine; no other limit changes
    #[arg(long, value_name = "FACTOR", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    slack: u8,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let chosen = match choose(&arguments) {
        Ok(chosen) => chosen,
        Err(name) => {
            eprintln!("scripts/faults: there is no fault {name}; --list shows all");
            return ExitCode::from(64);
        }
    };
    if arguments.list {
        let listed =
            FAULTS.iter().filter(|fault| arguments.names.is_empty() || chosen.iter().any(|named| named.name == fault.name));
        listed.for_each(|fault| println!("{:>2} {:24} {}", fault.number, fault.name, fault.what));
        return ExitCode::SUCCESS;
    }
    programs::lie_in(arguments.programs.clone());
    // One thread plays all faults, since they wait nearly all the time. Proxies and outputs use the other threads.
    let reports = LocalSet::new().run_until(play(chosen, &arguments)).await;
    if arguments.json {
        let rows: Vec<_> = reports.iter().flat_map(|(fault, report)| report.values(fault.name)).collect();
        println!("{:#}", json!({ "rows": rows }));
    } else {
        println!("{HEAD}");
        reports.iter().for_each(|(fault, report)| println!("{}", report.row(fault.number, fault.name)));
    }
    let ok = reports.iter().all(|(_, report)| report.is_ok());
    ExitCode::from(u8::from(!ok))
}

/// Returns the requested faults, or the first unknown name.
fn choose(arguments: &Arguments) -> Result<Vec<&'static Fault>, &str> {
    if arguments.names.is_empty() {
        let wanted = |fault: &&Fault| match fault.when {
            _ if arguments.soak.is_some() => fault.name == "mix",
            When::Always => true,
            When::InFull => !arguments.short,
            When::Named => false,
        };
        return Ok(FAULTS.iter().filter(wanted).collect());
    }
    let named = |name: &String, fault: &Fault| *name == fault.name || *name == fault.number.to_string();
    match arguments.names.iter().find(|name| !FAULTS.iter().any(|fault| named(name, fault))) {
        Some(unknown) => Err(unknown),
        None => Ok(FAULTS.iter().filter(|fault| arguments.names.iter().any(|name| named(name, fault))).collect()),
    }
}

/// Plays faults, some concurrently, and prints each when it is done. Returns the reports in the order of the list.
async fn play(faults: Vec<&'static Fault>, arguments: &Arguments) -> Vec<(&'static Fault, Report)> {
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let longest = longest(arguments);
    let mut playing = JoinSet::new();
    for (place, fault) in faults.into_iter().enumerate() {
        let (places, stage, slack) = (Arc::clone(&places), stage_of(arguments, fault), f64::from(arguments.slack));
        playing.spawn_local(async move {
            let _place = places.acquire().await;
            let begun = Instant::now();
            // A fault that panics, for example for lack of a server, must not end the others.
            let played = timeout(longest, spawn_local((fault.play)(stage))).await;
            let report = match played {
                Ok(Ok(Ok(report))) => report.with_slack(slack),
                Ok(Ok(Err(trouble))) => Report::failed(trouble.to_string()),
                Ok(Err(ended)) => Report::failed(ended.to_string()),
                Err(_) => Report::failed(format!("it is not over after {:?}", longest)),
            };
            (place, fault, Report { took: begun.elapsed(), ..report })
        });
    }
    let mut done = Vec::new();
    while let Some(next) = playing.join_next().await {
        let Ok((place, fault, report)) = next else { continue };
        eprintln!("seed {}, {:.0} s: {}", arguments.seed, report.took.as_secs_f64(), report.row(fault.number, fault.name));
        done.push((place, fault, report));
    }
    done.sort_by_key(|(place, ..)| *place);
    done.into_iter().map(|(_, fault, report)| (fault, report)).collect()
}

fn stage_of(arguments: &Arguments, fault: &Fault) -> Stage {
    let pace = if arguments.short { Pace::Short } else { Pace::Full };
    Stage { pace, dice: Dice::of(arguments.seed, fault.name), soak: arguments.soak.map(Duration::from_secs) }
}

/// Returns the maximum time of a fault, which is far longer than it should take.
fn longest(arguments: &Arguments) -> Duration {
    let usual = Duration::from_secs(if arguments.short { 180 } else { 3600 });
    usual + arguments.soak.map_or(Duration::ZERO, Duration::from_secs)
}
