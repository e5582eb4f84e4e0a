//! The load bench: how fast every row is incremented, by the fenced tick and by other ways, in one interleaved run.

mod args;
mod contender;
mod field;
mod measure;
mod report;

use std::process::ExitCode;

use args::Args;
use clap::Parser;
use field::{Failure, Field};
use report::{Chapter, Target};
use serde_json::json;
use test_servers::Postgres;

/// Safe data, as in production, and room to work in.
const SETTINGS: [(&str, &str); 6] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "1GB"),
    ("max_wal_size", "16GB"),
    ("checkpoint_timeout", "1h"),
    ("wal_buffers", "64MB"),
];

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::from(70)
        }
    }
}

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
async fn run(args: &Args) -> Result<(), Failure> {
    let server = Postgres::private_with(&SETTINGS).await;
    let mut chapters = Vec::new();
    for order in args.orders() {
        say(&format!("{} items {order}, {} workers, {} rounds", args.items(), args.workers, args.rounds()));
        let mut field = Field::prepare(&server, args, order).await?;
        chapters.push(Chapter { order, found: measure::measure(&mut field, args).await? });
    }
    let targets: Vec<Target> = chapters.iter().flat_map(Chapter::targets).collect();
    if args.json {
        println!("{:#}", json!({ "rows": targets.iter().map(Target::json).collect::<Vec<_>>() }));
    } else {
        chapters.iter().for_each(|chapter| println!("{}", chapter.table()));
        targets.iter().for_each(|target| println!("{}", target.line()));
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "its progress is for whoever waits")]
fn say(line: &str) {
    eprintln!("tick: {line}");
}
