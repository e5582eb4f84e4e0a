//! TCP proxy to a server, which can be slow, stall, break or lead to another server.

use std::net::Ipv4Addr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

use crate::dice::Dice;
use crate::error::{PlayError, Result};

/// Mode of the proxy's traffic.
#[derive(Clone, Debug)]
pub enum Traffic {
    /// Bytes pass.
    Flows,
    /// Bytes wait for as long as this mode lasts, as in a network that loses everything.
    Stalls,
    /// Each piece is delayed; some are lost, and sent again after TCP's retransmission timeout.
    Slow {
        /// One-way delay.
        delay: Duration,
        /// Percentage of pieces that are lost.
        lost_percent: u64,
    },
    /// Bytes pass until a piece for the server contains these bytes: from that piece on, they wait.
    StallsAt(Vec<u8>),
    /// Bytes pass until a piece for the server contains these bytes: its last five bytes, and all after them, wait. In Postgres' protocol,
    /// these are the message that ends the transaction.
    StallsWithin(Vec<u8>),
}

/// Minimum retransmission timeout of TCP in Linux.
const SENT_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Length of Postgres' message Sync.
const SYNC_BYTES: usize = 5;
const SECOND: Duration = Duration::from_secs(1);

/// TCP proxy to a server. It ends, with all its connections, when dropped.
#[derive(Debug)]
pub struct Proxy {
    traffic: watch::Sender<Traffic>,
    vanished: watch::Sender<()>,
    target: watch::Sender<String>,
    opened: Opened,
    task: AbortHandle,
}

/// Times at which connections were requested.
type Opened = Arc<std::sync::Mutex<Vec<Instant>>>;

/// State that all connections share.
#[derive(Debug)]
struct Way {
    traffic: watch::Sender<Traffic>,
    /// Changes when the server of all current connections vanishes.
    vanished: watch::Sender<()>,
    dice: Mutex<Dice>,
}

impl Proxy {
    /// Starts a proxy to the server of this URL, and returns it with the URL that leads through it.
    ///
    /// # Errors
    /// If there is no free port, or the URL has no host.
    pub async fn to(url: &str, dice: Dice) -> Result<(Self, String)> {
        let mut url = Url::parse(url).map_err(|error| PlayError::Unfit(format!("{url}: {error}")))?;
        let place = place_of(&url)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(PlayError::io("opening a port"))?;
        let address = listener.local_addr().map_err(PlayError::io("opening a port"))?;
        let (traffic, target) = (watch::Sender::new(Traffic::Flows), watch::Sender::new(place));
        let vanished = watch::Sender::default();
        let way = Arc::new(Way { traffic: traffic.clone(), vanished: vanished.clone(), dice: Mutex::new(dice) });
        let opened = Opened::default();
        let task = tokio::spawn(accept(listener, way, target.clone(), Arc::clone(&opened))).abort_handle();
        let moved = url.set_host(Some("127.0.0.1")).is_ok() && url.set_port(Some(address.port())).is_ok();
        let proxy = Self { traffic, vanished, target, opened, task };
        if moved { Ok((proxy, url.into())) } else { Err(PlayError::Unfit(format!("{url} names no host"))) }
    }

    /// Sets the mode of the traffic.
    pub fn set(&self, traffic: Traffic) {
        self.traffic.send_replace(traffic);
    }

    /// True if bytes wait.
    #[must_use]
    pub fn stalls(&self) -> bool {
        matches!(*self.traffic.borrow(), Traffic::Stalls)
    }

    /// Returns the maximum number of connections that were requested within a second, since this moment.
    #[must_use]
    pub fn most_within_a_second(&self, since: Instant) -> i64 {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let later: Vec<_> = opened.iter().filter(|at| **at >= since).collect();
        let within =
            |first: &Instant| later.iter().filter(|at| at.saturating_duration_since(*first) < SECOND && **at >= first).count();
        later.iter().map(|first| within(first)).max().and_then(|most| i64::try_from(most).ok()).unwrap_or(0)
    }

    /// Directs new connections to the server of this URL.
    ///
    /// # Errors
    /// If the URL has no host.
    pub fn lead_to(&self, url: &str) -> Result<()> {
        let url = Url::parse(url).map_err(|error| PlayError::Unfit(format!("{url}: {error}")))?;
        self.target.send_replace(place_of(&url)?);
        Ok(())
    }

    /// Replaces the server with the one of this URL, as if its machine had vanished: existing connections stay open, but no data arrives
    /// through them any more. New connections lead to the other server.
    ///
    /// # Errors
    /// If the URL has no host.
    pub fn replace_server(&self, url: &str) -> Result<()> {
        self.lead_to(url)?;
        self.vanished.send_replace(());
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn place_of(url: &Url) -> Result<String> {
    let place = url.host_str().zip(url.port()).map(|(host, port)| format!("{host}:{port}"));
    place.ok_or_else(|| PlayError::Unfit(format!("{url} names no host and port")))
}

async fn accept(listener: TcpListener, way: Arc<Way>, target: watch::Sender<String>, opened: Opened) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        // Removes finished connections.
        while connections.try_join_next().is_some() {}
        opened.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        let (way, target) = (Arc::clone(&way), target.borrow().clone());
        connections.spawn(async move {
            let Ok(server) = TcpStream::connect(target).await else { return };
            // Either may fail: the other end notices when both are dropped.
            let _ = client.set_nodelay(true).and(server.set_nodelay(true));
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            tokio::select! {
                () = pump(from_client, to_server, &way, Direction::ToServer) => {}
                () = pump(from_server, to_client, &way, Direction::ToClient) => {}
            }
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

/// Copies bytes until either end closes. While the proxy stalls, a close waits, too.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: &Way, direction: Direction) {
    let mut buffer = vec![0; 64 * 1024];
    let (mut traffic, vanished) = (way.traffic.subscribe(), way.vanished.subscribe());
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if vanished.has_changed().unwrap_or(false) {
            // Not even the end of the connection gets through.
            std::future::pending::<()>().await;
        }
        let mut piece = buffer.get(..read).unwrap_or_default();
        if direction == Direction::ToServer
            && let Some(passes) = trapped(way, piece)
        {
            let (before, rest) = piece.split_at(passes);
            if !before.is_empty() && to.write_all(before).await.is_err() {
                return;
            }
            piece = rest;
        }
        // The sender lives as long as this connection.
        let _ = traffic.wait_for(|traffic| !matches!(traffic, Traffic::Stalls)).await;
        linger(way).await;
        if read == 0 || to.write_all(piece).await.is_err() {
            return;
        }
    }
}

/// Returns the number of bytes of this piece that still pass, if it triggers the stall; the proxy stalls from then on. `None` otherwise.
fn trapped(way: &Way, piece: &[u8]) -> Option<usize> {
    let passes = match &*way.traffic.borrow() {
        Traffic::StallsAt(bytes) if holds(piece, bytes) => 0,
        Traffic::StallsWithin(bytes) if holds(piece, bytes) => piece.len().saturating_sub(SYNC_BYTES),
        _ => return None,
    };
    way.traffic.send_replace(Traffic::Stalls);
    Some(passes)
}

fn holds(piece: &[u8], bytes: &[u8]) -> bool {
    piece.windows(bytes.len()).any(|window| window == bytes)
}

async fn linger(way: &Way) {
    let Traffic::Slow { delay, lost_percent } = *way.traffic.borrow() else { return };
    let lost = way.dice.lock().await.below(100) < lost_percent;
    let again = if lost { SENT_AGAIN_AFTER } else { Duration::ZERO };
    tokio::time::sleep(delay + again).await;
}
