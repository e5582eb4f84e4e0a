//! A thousand URLs polled by three processes, on Postgres alone, while processes are killed, stopped, added and replaced.
//!
//! ```sh
//! DATABASE_URL=postgres://... cargo run -p scaler-pg --example poll_urls
//! ```
//!
//! With `RESTART_POSTGRES` set to a command that restarts the server, such as `pg_ctl restart`, that is a scene, too.
//!
//! The parent serves the URLs, and starts itself as pollers. Its server rejects a poll whose fencing token is older than one that it has seen
//! for the slot, and counts the polls of one URL by two processes at once. It makes the
//! table `public.url_to_poll` and the schema `poll_urls`, and removes them at the end.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it does")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use scaler_core::hand_over::HandOver;
use scaler_core::node::{Handler, Lease, Node, NodeEvent};
use scaler_core::{BoxError, Clock, ItemId, TokioClock};
use scaler_pg::PgStore;
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

const URLS: usize = 1000;
const POLL_EVERY: Duration = Duration::from_secs(1);
/// Maximum time of one poll. Well within half of the limit, so that a handler ends in time when it is told to.
const POLL_TIMEOUT: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(5);
/// Response time of the server.
const ANSWER: Duration = Duration::from_millis(50);
const CREATE: &str = "drop schema if exists poll_urls cascade; drop table if exists public.url_to_poll;
                      create table public.url_to_poll (id bigint primary key);
                      insert into public.url_to_poll select generate_series(1, 1000)";
const DROP: &str = "drop table public.url_to_poll cascade; drop schema poll_urls cascade";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let url = std::env::var("DATABASE_URL").map_err(|_| "set DATABASE_URL to a database to try this in")?;
    match &std::env::args().skip(1).collect::<Vec<_>>()[..] {
        [] => play(&url).await,
        [name, server] => poll(&url, name, server).await,
        _ => Err("poll_urls takes no arguments".into()),
    }
}

/// A poller: the program that a user would write.
async fn poll(url: &str, name: &str, server: &str) -> Result<(), BoxError> {
    let store = PgStore::builder(url).group("poll_urls").table("public.url_to_poll").build()?;
    let handler = Poller { name: name.to_owned(), server: server.to_owned() };
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let shutdown = async move { _ = terminated.recv().await };
    let builder = Node::builder(store).name(name).handler(handler).hand_over(HandOver::Exclusive { limit: LIMIT });
    builder.observe(tell).run_until(shutdown).await?;
    Ok(())
}

/// Tells what an operator wants to know.
fn tell(event: NodeEvent) {
    match event {
        NodeEvent::HandlerFailed { item, error, retry_in } => eprintln!("{item} failed: {error}; again in {retry_in:?}"),
        NodeEvent::HandlerOverdue { item, cause, late } => eprintln!("{item} goes on {late:?} after its withdrawal ({cause})"),
        _ => {}
    }
}

struct Poller {
    name: String,
    server: String,
}

#[async_trait]
impl Handler for Poller {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        let mut every = tokio::time::interval(POLL_EVERY);
        let mut connection = BufReader::new(TcpStream::connect(&self.server).await?);
        while lease.next(&mut every).await {
            let token = lease.token();
            let path = format!("/{item}/{}/{}/{}", self.name, token.slot, token.epoch);
            tokio::time::timeout(POLL_TIMEOUT, get_from(&mut connection, &path)).await??;
        }
        Ok(())
    }
}

/// Sends a request, and reads the answer, which has no body.
async fn get_from(connection: &mut BufReader<TcpStream>, path: &str) -> std::io::Result<()> {
    connection.get_mut().write_all(format!("GET {path} HTTP/1.1\r\nhost: urls\r\n\r\n").as_bytes()).await?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if connection.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Polls seen by the server.
#[derive(Default)]
struct Seen {
    polls: u64,
    rejected: u64,
    /// Polls that began while another process polled the same URL.
    overlaps: u64,
    under_way: BTreeMap<i64, BTreeSet<String>>,
    epochs: BTreeMap<u32, u64>,
    last: BTreeMap<i64, Duration>,
    longest_gap: Duration,
}

#[derive(Clone)]
struct Server {
    clock: TokioClock,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Ends a poll when it is dropped.
struct EndOfPoll {
    server: Server,
    url: i64,
    poller: String,
}

impl Drop for EndOfPoll {
    fn drop(&mut self) {
        self.server.seen(|seen| seen.under_way.entry(self.url).or_default().remove(&self.poller));
    }
}

async fn answer(Path((url, poller, slot, epoch)): Path<(i64, String, u32, u64)>, State(server): State<Server>) -> StatusCode {
    let now = server.clock.now();
    let is_accepted = server.seen(|seen| {
        let newest = seen.epochs.entry(slot).or_default();
        if epoch < *newest {
            seen.rejected += 1;
            return false;
        }
        *newest = epoch;
        let pollers = seen.under_way.entry(url).or_default();
        seen.overlaps += u64::from(pollers.iter().any(|other| *other != poller));
        pollers.insert(poller.clone());
        seen.polls += 1;
        let gap = seen.last.insert(url, now).map_or(Duration::ZERO, |last| now.saturating_sub(last));
        seen.longest_gap = seen.longest_gap.max(gap);
        true
    });
    if !is_accepted {
        return StatusCode::CONFLICT;
    }
    // Ended by a poller that breaks off, too: then this future is dropped.
    let _end = EndOfPoll { server, url, poller };
    tokio::time::sleep(ANSWER).await;
    StatusCode::OK
}

/// Plays the scenes one after the other, and prints what the server saw in each.
async fn play(url: &str) -> Result<(), BoxError> {
    let mut database = PgConnection::connect(url).await?;
    sqlx::raw_sql(CREATE).execute(&mut database).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let server = Server { clock: TokioClock::start(), seen: Arc::default() };
    let routes = Router::new().route("/{url}/{poller}/{slot}/{epoch}", get(answer)).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let start = |name: &str| -> Result<Child, BoxError> {
        let mut command = Command::new(std::env::current_exe()?);
        Ok(command.args([name, &address]).kill_on_drop(true).stdin(Stdio::null()).spawn()?)
    };
    let mut first = start("poller-1")?;
    let second = start("poller-2")?;
    let third = start("poller-3")?;
    while server.seen(|seen| seen.last.len()) < URLS {
        tokio::time::sleep(POLL_EVERY).await;
        if let Some(ended) = first.try_wait()? {
            return Err(format!("a poller has ended: {ended}").into());
        }
    }
    println!("scene                          polls  at once  rejected  longest gap");
    scene(&server, "three processes", 10).await;

    first.start_kill()?;
    first.wait().await?;
    scene(&server, "one killed (kill -9)", 20).await;

    signal(&second, "STOP").await?;
    scene(&server, "one stopped for 20 s", 20).await;
    signal(&second, "CONT").await?;
    scene(&server, "it goes on", 10).await;

    let fourth = start("poller-4")?;
    scene(&server, "one more", 10).await;

    let mut replacements = Vec::new();
    for (number, mut old) in [second, third].into_iter().enumerate() {
        replacements.push(start(&format!("poller-{}", number + 5))?);
        tokio::time::sleep(Duration::from_secs(5)).await;
        signal(&old, "TERM").await?;
        old.wait().await?;
    }
    scene(&server, "two replaced, one by one", 10).await;

    if let Ok(restart) = std::env::var("RESTART_POSTGRES") {
        let restarted = Command::new("sh").args(["-c", &restart]).stdout(Stdio::null()).status().await?;
        if !restarted.success() {
            return Err(format!("RESTART_POSTGRES: {restart}: {restarted}").into());
        }
        scene(&server, "Postgres restarted", 20).await;
        database = PgConnection::connect(url).await?;
    }
    replacements.push(fourth);
    for poller in &mut replacements {
        signal(poller, "TERM").await?;
    }
    for mut poller in replacements {
        poller.wait().await?;
    }
    sqlx::raw_sql(DROP).execute(&mut database).await?;
    Ok(())
}

/// Lets some seconds pass, and prints what the server has seen since the last scene.
async fn scene(server: &Server, name: &str, seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let now = server.clock.now();
    server.seen(|seen| {
        let open = seen.last.values().map(|last| now.saturating_sub(*last)).max().unwrap_or_default();
        let gap = seen.longest_gap.max(open);
        println!("{name:<28} {:>7} {:>8} {:>9} {:>10.1} s", seen.polls, seen.overlaps, seen.rejected, gap.as_secs_f64());
        (seen.polls, seen.overlaps, seen.rejected, seen.longest_gap) = (0, 0, 0, Duration::ZERO);
    });
}

async fn signal(process: &Child, name: &str) -> Result<(), BoxError> {
    let id = process.id().ok_or("the process has ended")?;
    let sent = Command::new("kill").args([format!("-{name}"), id.to_string()]).status().await?;
    if sent.success() { Ok(()) } else { Err(format!("kill -{name} {id} failed").into()) }
}
