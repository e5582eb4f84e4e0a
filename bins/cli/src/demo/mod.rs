//! `notifi-scaler demo`: runs the whole system in one process, for a first look and for experiments.

mod clock;
mod command;
mod journal;
mod page;
mod script;
mod store;
mod summary;
mod system;
mod typed;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
pub use clock::EpochClock;
pub use command::{BadCommand, Command};
pub use journal::{Entry, Journal};
use notifi_scaler_common::api::DemoRequest;
use notifi_scaler_common::config::{Listen, LogArgs, seconds, slots};
use notifi_scaler_common::item_list_printer::PrintIds;
use notifi_scaler_common::shutdown::Shutdown;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::{Failure, telemetry};
use page::Page;
use scaler_core::{Clock, RingKind, SlotCount, StoreError};
pub use script::{BadLine, BadStep, ScriptError, Step, parse as parse_script};
pub use store::{DemoItem, DemoStore};
pub use summary::{Life, Summary, WorkerRow};
pub use system::{NotAtWork, System};
use tokio::sync::mpsc;
use tracing_subscriber::filter::LevelFilter;

/// Default run time without a terminal.
const UNATTENDED: Duration = Duration::from_secs(10);
/// Run time after the last step of a script.
const AFTER_SCRIPT: Duration = Duration::from_secs(5);

/// Arguments of `notifi-scaler demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Number of workers at the start
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=i64::from(command::MOST_WORKERS)))]
    pub workers: u32,
    /// Number of items at the start; a file that has items keeps those
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=i64::from(crate::removal::MOST_ITEMS)))]
    pub items: u32,
    /// Run time in seconds [default: until Ctrl-C or `quit`; 5 after the last step of a script; 10 without a terminal]
    #[arg(long, value_name = "N", value_parser = seconds)]
    pub seconds: Option<Duration>,
    /// File with timed commands, one per line: `<seconds>s <command>`
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// SQLite file that keeps items and slots, so that the next run goes on where this one ended [default: in memory]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Number of slots, a power of two
    #[arg(long, env, default_value_t = SlotCount::DEFAULT, value_parser = slots)]
    pub slots: SlotCount,
    /// Ring that places the slots: `sticky`, `hash-ring` or `rendezvous`
    #[arg(long, env, default_value_t)]
    pub ring: RingKind,
    /// Item lists to print: `all` (each second), `changes`, or the maximum number of ids per line
    #[arg(long, env, default_value = "all")]
    pub print_ids: PrintIds,
    /// Address of the live page, or `off` [default: 127.0.0.1:8088, or a free port if that is taken]
    #[arg(long, value_name = "ADDR|off")]
    pub listen: Option<Listen>,
    /// Logging.
    #[command(flatten)]
    pub logging: LogArgs,
}

/// Runs a demo to its end.
///
/// # Errors
/// If the script cannot be read or parsed or the file cannot be used, before anything starts; or if a thread or a signal handler is refused.
pub async fn run(args: &DemoArgs) -> Result<(), Failure> {
    let steps = args.script.as_deref().map(read).transpose()?.unwrap_or_default();
    // Normal operation shows on stdout, so only warnings are logged.
    telemetry::init(&args.logging, LevelFilter::WARN);
    let shutdown = Shutdown::on_signals()?;
    let lines = StdoutWriter::stdout()?;
    let typed = typed::lines()?;
    let until = until(args, &steps);
    let clock: Arc<dyn Clock> = Arc::new(EpochClock::start());
    let store = match &args.file {
        Some(path) => DemoStore::in_file(path, args.slots).await?,
        None => DemoStore::in_memory(Arc::clone(&clock), args.slots),
    };
    let page = Page::listen(args.listen)?;
    if let Some(page) = &page {
        lines.print(format!("# page: {}", page.url));
    }
    let feed = page::feed(clock, &store);
    let mut system = System::start(store.clone(), args.ring, args.items, lines.clone(), args.print_ids, feed.clone()).await?;
    lines.print(greeting(args, store.items().await?.len(), until));
    system.add_workers(args.workers);
    let requests = page.map(|page| page.serve(feed, &store, system.membership()));
    let mut session = Session { system, lines };
    tokio::select! {
        () = session.follow(steps, typed, requests) => {}
        () = sleep_until(until) => {}
        () = shutdown.requested() => {}
    }
    let summary = session.system.stop().await?;
    session.lines.finish(format!("\n{summary}"));
    Ok(())
}

fn read(path: &Path) -> Result<Vec<Step>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|source| ScriptError::Unreadable { path: path.to_owned(), source })?;
    let parsed = parse_script(&text);
    parsed.map_err(|bad| ScriptError::Line { path: path.to_owned(), line: bad.line, problem: bad.problem }.into())
}

/// Returns the maximum run time; `None` if there is no limit.
fn until(args: &DemoArgs, steps: &[Step]) -> Option<Duration> {
    let after_script = || steps.last().map(|step| step.at + AFTER_SCRIPT);
    args.seconds.or_else(after_script).or_else(|| (!typed::is_terminal()).then_some(UNATTENDED))
}

async fn sleep_until(until: Option<Duration>) {
    match until {
        Some(until) => tokio::time::sleep(until).await,
        None => std::future::pending().await,
    }
}

fn greeting(args: &DemoArgs, items: usize, until: Option<Duration>) -> String {
    let DemoArgs { workers, slots, ring, .. } = args;
    let end = match until {
        Some(until) => format!("stops after {} s", until.as_secs_f64()),
        None => "type `help` for the commands; Ctrl-C or `quit` stops".to_owned(),
    };
    format!("# {workers} workers, {items} items, {slots} slots, {ring} ring; {end}")
}

/// Demo, and the output of its commands.
#[derive(Debug)]
struct Session {
    system: System,
    lines: StdoutWriter,
}

/// Error of a command.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Bad(#[from] BadCommand),
    #[error(transparent)]
    NotAtWork(#[from] NotAtWork),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "{0:?} is for the terminal: use the page, or one of workers add, worker kill, worker drain, items add and items remove"
    )]
    Terminal(String),
}

impl Session {
    /// Runs the commands of the script, of the terminal and of the page until one of them is `quit`.
    async fn follow(
        &mut self,
        steps: Vec<Step>,
        mut typed: Option<mpsc::Receiver<String>>,
        mut requests: Option<mpsc::Receiver<DemoRequest>>,
    ) {
        let mut steps = steps.into_iter().peekable();
        loop {
            let next = steps.peek().map(|step| step.at.saturating_sub(self.system.now()));
            tokio::select! {
                () = sleep_until(next) => {
                    let Some(step) = steps.next() else { continue };
                    if self.perform(Ok(step.command)).await.is_break() {
                        return;
                    }
                }
                line = next_line(&mut typed) => {
                    if self.perform(line.parse().map_err(CommandError::from)).await.is_break() {
                        return;
                    }
                }
                request = next_request(&mut requests) => {
                    if let ControlFlow::Continue(done) = self.perform(of_page(&request.command)).await {
                        // Ignored: the viewer has left.
                        let _ = request.reply.send(done);
                    }
                }
            }
        }
    }

    /// Carries out a command, and prints and returns what it did, or why it did not; breaks if it ends the demo.
    async fn perform(&mut self, command: Result<Command, CommandError>) -> ControlFlow<(), Result<String, String>> {
        let at = self.system.now().as_secs_f64();
        let done = match command {
            Err(error) => Err(error),
            Ok(command) => match self.carry_out(command).await {
                Ok(None) => return ControlFlow::Break(()),
                Ok(Some(done)) => Ok(done),
                Err(error) => Err(error),
            },
        };
        let done = done.map_err(|error| error.to_string());
        let (Ok(text) | Err(text)) = &done;
        self.lines.print(format!("# {at:.1} s: {text}"));
        ControlFlow::Continue(done)
    }

    /// Returns what the command did; `None` if it ends the demo.
    async fn carry_out(&mut self, command: Command) -> Result<Option<String>, CommandError> {
        Ok(Some(match command {
            Command::Quit => return Ok(None),
            Command::Help => format!("commands\n{}", command::HELP),
            Command::Status => format!("status\n{}", self.system.summary().await?.loads()),
            Command::AddWorkers(count) => {
                self.system.add_workers(count);
                format!("{count} workers started")
            }
            Command::KillWorker(name) => {
                self.system.kill(&name)?;
                format!("{name} killed")
            }
            Command::DrainWorker(name) => {
                self.system.drain(&name)?;
                format!("{name} is draining")
            }
            Command::AddItems(count) => {
                self.system.add_items(count).await?;
                format!("{count} items added")
            }
            Command::RemoveItems(removal) => format!("{} items removed", self.system.remove_items(&removal).await?),
        }))
    }
}

/// Parses a command of the page, which may not end the demo.
fn of_page(text: &str) -> Result<Command, CommandError> {
    match text.parse()? {
        Command::Status | Command::Help | Command::Quit => Err(CommandError::Terminal(text.trim().to_owned())),
        command => Ok(command),
    }
}

/// Returns the next command of the page. Waits forever if there is no page.
async fn next_request(requests: &mut Option<mpsc::Receiver<DemoRequest>>) -> DemoRequest {
    if let Some(received) = requests {
        match received.recv().await {
            Some(request) => return request,
            None => *requests = None,
        }
    }
    std::future::pending().await
}

/// Returns the next typed line that is not blank. Waits forever if there is no terminal, or if its input has ended.
async fn next_line(typed: &mut Option<mpsc::Receiver<String>>) -> String {
    while let Some(lines) = typed {
        match lines.recv().await {
            Some(line) if line.trim().is_empty() => {}
            Some(line) => return line,
            None => *typed = None,
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests;
