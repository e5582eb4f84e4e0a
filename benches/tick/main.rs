//! Load bench: rate at which every row is incremented, by the fenced tick and by other contenders, in one interleaved run; or the behavior of
//! the whole system.

mod args;
mod contender;
mod field;
mod live;
mod measure;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use args::{Args, Order};
use clap::Parser;
use contender::Contender;
use field::{Failure, Field};
use live::Life;
use report::{Chapter, Target};
use scaler_pg::{PgConfig, PgStore, Spread};
use serde_json::json;
use test_servers::Postgres;

/// Settings of Postgres: durable, as in production, with room to work in.
///
/// After each checkpoint, Postgres writes full pages to the WAL; compression makes these smaller. A server that has run for a while recycles
/// its WAL files. This one is new, and must not fill each new file with zeros first.
const SETTINGS: [(&str, &str); 9] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "1GB"),
    ("max_wal_size", "16GB"),
    ("min_wal_size", "16GB"),
    ("wal_init_zero", "off"),
    ("checkpoint_timeout", "1h"),
    ("wal_buffers", "64MB"),
    ("wal_compression", "lz4"),
];

/// Numbers of items in a plot, and numbers of workers.
const ITEMS: [u32; 5] = [1000, 10_000, 100_000, 300_000, 600_000];
const WORKERS: [u32; 4] = [1, 2, 4, 8];

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    let work = async {
        match args.live() {
            Some(lasts) => look_on(&args, lasts).await,
            None if args.optimized => gain(&args).await,
            None => run(&args).await,
        }
    };
    let done = tokio::select! {
        done = work => done,
        // Programs and servers that it has started end with it.
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    match done {
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

/// Prints how much faster the tick is after the rows of each slot have been put beside each other.
#[expect(clippy::print_stdout, reason = "the ratios are what it is for")]
async fn gain(args: &Args) -> Result<(), Failure> {
    let server = Postgres::private_with(&SETTINGS).await;
    let scattered = Field::prepare(&server, args, Order::Random).await?;
    let optimized = Field::prepare(&server, args, Order::Random).await?;
    let done = PgStore::new(&PgConfig::new(optimized.database.url()))?.optimize(|_| {}).await?;
    let pages = |spread: &Spread| spread.pages / spread.slots.max(1);
    say(&format!("{} rows moved: {} pages a slot before, {} now", done.moved, pages(&done.before), pages(&done.after)));
    let mut fields = [scattered, optimized];
    for commit in args.commits() {
        let contender = Contender::Fenced(commit);
        let [scattered, optimized] = measure::in_turn(&mut fields, contender, args).await?;
        println!("{contender}: {:.2} times as many rows a second once optimized", optimized.over(&scattered));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
async fn look_on(args: &Args, lasts: Duration) -> Result<(), Failure> {
    let server = Postgres::private_with(&SETTINGS).await;
    let mut lives = Vec::new();
    let look = async |items, workers| -> Result<Life, Failure> {
        say(&format!("{items} items, {workers} workers, {} s", lasts.as_secs()));
        let life = live::live(&server, items, workers, lasts, args).await?;
        say(&life.row());
        Ok(life)
    };
    if let Some(path) = &args.plot {
        let (mut by_items, mut by_workers) = (Vec::new(), Vec::new());
        for items in ITEMS.into_iter().take(args.sizes()) {
            by_items.push(look(items, args.workers).await?);
        }
        for workers in WORKERS.into_iter().take(args.sizes()) {
            by_workers.push(look(args.given_items().unwrap_or(ITEMS[2]), workers).await?);
        }
        std::fs::write(path, live::plot(&by_items, &by_workers)?)?;
        lives.extend(by_items.into_iter().chain(by_workers));
    } else {
        let items = match args.given_items() {
            Some(items) => items,
            None => {
                let limit = live::limit(&server, args).await?;
                let (least, mean) = (limit.least, limit.mean);
                say(&format!("the limit is {least:.0} rows/s, in the slowest second of two minutes with {mean:.0} rows/s"));
                live::share_of(&limit)
            }
        };
        lives.push(look(items, args.workers).await?);
    }
    if args.json {
        println!("{:#}", json!({ "rows": lives.iter().flat_map(Life::targets).collect::<Vec<_>>() }));
    } else {
        println!("{}", Life::header());
        lives.iter().for_each(|life| println!("{}", life.row()));
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "its progress is for whoever waits")]
pub(crate) fn say(line: &str) {
    eprintln!("tick: {line}");
}
