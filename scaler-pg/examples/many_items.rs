//! Three processes with very many items, each with a future of its own: memory, CPU, and the time in which others take over the items of a
//! process that is killed. On Postgres alone.
//!
//! ```sh
//! DATABASE_URL=postgres://... cargo run --release -p scaler-pg --example many_items -- 100000
//! ```
//!
//! The argument is the number of items; `busy` after it lets each item do something every ten seconds. The parent makes the table
//! `public.many_items` and the schema `many_items`, and removes them at the end.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::HandOver;
use scaler_core::node::{Handler, Lease, Node};
use scaler_core::{BoxError, Clock, ItemId, TokioClock};
use scaler_pg::PgStore;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const LIMIT: Duration = Duration::from_secs(5);
/// Time over which CPU is measured.
const MEASURED: Duration = Duration::from_secs(20);
/// Interval of a busy item.
const EVERY: Duration = Duration::from_secs(10);
/// Clock ticks of `/proc/PID/stat` in a second, on every Linux.
const TICKS_A_SECOND: f64 = 100.0;
const DROP: &str = "drop schema if exists many_items cascade; drop table if exists public.many_items cascade";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let url = std::env::var("DATABASE_URL").map_err(|_| "set DATABASE_URL to a database to try this in")?;
    let words: Vec<_> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["node", name, is_busy] => work(&url, name, is_busy == "busy").await,
        [items] => play(&url, items.parse()?, "idle").await,
        [items, "busy"] => play(&url, items.parse()?, "busy").await,
        _ => Err("many_items takes the number of items, and `busy` if each of them shall do something".into()),
    }
}

/// Counts futures and their pieces of work.
#[derive(Clone, Default)]
struct Count {
    running: Arc<AtomicUsize>,
    done: Arc<AtomicU64>,
    is_busy: bool,
}

#[async_trait]
impl Handler for Count {
    async fn run(&self, _: ItemId, lease: Lease) -> Result<(), BoxError> {
        self.running.fetch_add(1, Ordering::Relaxed);
        if self.is_busy {
            let mut every = tokio::time::interval(EVERY);
            while lease.next(&mut every).await {
                self.done.fetch_add(1, Ordering::Relaxed);
            }
        } else {
            lease.withdrawn().await;
        }
        self.running.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }
}

/// One of the processes: prints the number of its futures ten times a second.
async fn work(url: &str, name: &str, is_busy: bool) -> Result<(), BoxError> {
    let store = PgStore::builder(url).group("many_items").table("public.many_items").build()?;
    let count = Count { is_busy, ..Count::default() };
    let told = count.clone();
    tokio::spawn(async move {
        loop {
            println!("{} {}", told.running.load(Ordering::Relaxed), told.done.load(Ordering::Relaxed));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let builder = Node::builder(store).name(name).handler(count).hand_over(HandOver::Exclusive { limit: LIMIT });
    Ok(builder.run_until(std::future::pending()).await?)
}

/// A started process, and what it prints.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(name: &str, mode: &str) -> Result<Self, BoxError> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child =
            command.args(["node", name, mode]).kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
        Ok(Self { child, lines })
    }

    /// Returns the number of futures now.
    async fn running(&mut self) -> Result<usize, BoxError> {
        let line = self.lines.next_line().await?.ok_or("a process has ended")?;
        Ok(line.split(' ').next().unwrap_or_default().parse()?)
    }

    /// Returns resident memory in MB, and the CPU time used so far in seconds.
    fn usage(&self) -> Result<(f64, f64), BoxError> {
        let id = self.child.id().ok_or("a process has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: f64 = resident.trim().trim_end_matches(" kB").parse()?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // After the name, which may contain spaces: fields 14 and 15 are user and system time.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<f64>().ok()).sum();
        Ok((kilobytes / 1000.0, ticks / TICKS_A_SECOND))
    }
}

/// Waits until the processes run this many futures. Returns the time that took.
async fn all_run(processes: &mut [Process], items: usize, clock: &TokioClock) -> Result<Duration, BoxError> {
    let begun = clock.now();
    loop {
        let mut running = 0;
        for process in &mut *processes {
            running += process.running().await?;
        }
        if running == items {
            return Ok(clock.now() - begun);
        }
    }
}

async fn play(url: &str, items: usize, mode: &str) -> Result<(), BoxError> {
    let mut database = PgConnection::connect(url).await?;
    let create = format!(
        "{DROP}; create table public.many_items (id bigint primary key);
                          insert into public.many_items select generate_series(1, {items})"
    );
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut database).await?;
    let clock = TokioClock::start();
    let mut processes = (1..=3).map(|n| Process::start(&format!("node-{n}"), mode)).collect::<Result<Vec<_>, _>>()?;
    println!("{items} items, {mode}: all at work after {:.1} s", all_run(&mut processes, items, &clock).await?.as_secs_f64());

    // Let the shares become even.
    tokio::time::sleep(MEASURED).await;
    all_run(&mut processes, items, &clock).await?;
    let before = processes.iter().map(Process::usage).collect::<Result<Vec<_>, _>>()?;
    tokio::time::sleep(MEASURED).await;
    for (process, (_, cpu_before)) in processes.iter_mut().zip(before) {
        let (megabytes, cpu) = process.usage()?;
        let cpu = 100.0 * (cpu - cpu_before) / MEASURED.as_secs_f64();
        println!("a process: {} items, {megabytes:.0} MB, {cpu:.1} % of a core", process.running().await?);
    }

    let mut killed = processes.remove(0);
    let orphans = killed.running().await?;
    killed.child.start_kill()?;
    let took = all_run(&mut processes, items, &clock).await?;
    println!(
        "{orphans} items of a process that was killed: all at work elsewhere after {:.1} s (limit {LIMIT:?})",
        took.as_secs_f64()
    );
    drop(processes);
    sqlx::raw_sql(DROP).execute(&mut database).await?;
    Ok(())
}
