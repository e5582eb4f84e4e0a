//! A way to a server that can be slow, stand still, break or lead elsewhere.

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

/// What becomes of bytes on their way.
#[derive(Clone, Debug)]
pub enum Traffic {
    /// They pass.
    Flows,
    /// They wait, for as long as this lasts: what a network does that loses everything.
    Stalls,
    /// Each piece takes so long; of every hundred so many are lost, and sent again after the time that TCP waits for that.
    Slow {
        /// One way.
        delay: Duration,
        /// Of a hundred.
        lost_percent: u64,
    },
    /// They pass, until a piece for the server holds these bytes: from that piece on they wait.
    StallsAt(Vec<u8>),
    /// They pass, until a piece for the server holds these bytes: its last five bytes, and all after them, wait. In Postgres' protocol
    /// that is the message that ends the transaction.
    StallsWithin(Vec<u8>),
}

/// How long TCP waits before it sends again what was lost: Linux' least.
const SENT_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// The length of Postgres' message Sync.
const SYNC_BYTES: usize = 5;
const SECOND: Duration = Duration::from_secs(1);

/// A way to a server. It ends, with all its connections, when dropped.
#[derive(Debug)]
pub struct Proxy {
    traffic: watch::Sender<Traffic>,
    vanished: watch::Sender<()>,
    target: watch::Sender<String>,
    opened: Opened,
    task: AbortHandle,
}

/// When connections were asked for.
type Opened = Arc<std::sync::Mutex<Vec<Instant>>>;

/// What every connection shares.
#[derive(Debug)]
struct Way {
    traffic: watch::Sender<Traffic>,
    /// Changes when the server of all connections so far vanishes.
    vanished: watch::Sender<()>,
    dice: Mutex<Dice>,
}

impl Proxy {
    /// A way to the server of this URL, and the URL that takes it.
    ///
    /// # Errors
    /// When there is no free port, or the URL names no place.
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

    /// From now on bytes fare like this.
    pub fn set(&self, traffic: Traffic) {
        self.traffic.send_replace(traffic);
    }

    /// Whether bytes wait.
    #[must_use]
    pub fn stalls(&self) -> bool {
        matches!(*self.traffic.borrow(), Traffic::Stalls)
    }

    /// The most connections that were asked for within a second, from this moment on.
    #[must_use]
    pub fn most_within_a_second(&self, since: Instant) -> i64 {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let later: Vec<_> = opened.iter().filter(|at| **at >= since).collect();
        let within =
            |first: &Instant| later.iter().filter(|at| at.saturating_duration_since(*first) < SECOND && **at >= first).count();
        later.iter().map(|first| within(first)).max().and_then(|most| i64::try_from(most).ok()).unwrap_or(0)
    }

    /// From now on new connections lead to the server of this URL.
    ///
    /// # Errors
    /// When the URL names no place.
    pub fn lead_to(&self, url: &str) -> Result<()> {
        let url = Url::parse(url).map_err(|error| PlayError::Unfit(format!("{url}: {error}")))?;
        self.target.send_replace(place_of(&url)?);
        Ok(())
    }

    /// The server vanishes with its machine, and the one of this URL takes its address: connections stay open, and nothing comes by them any more;
    /// new ones lead to the other server.
    ///
    /// # Errors
    /// When the URL names no place.
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
        // Finished ones are let go.
        while connections.try_join_next().is_some() {}
        opened.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        let (way, target) = (Arc::clone(&way), target.borrow().clone());
        connections.spawn(async move {
            let Ok(server) = TcpStream::connect(target).await else { return };
            // Either may fail: the other end sees it when both are dropped.
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

/// Carries bytes until either end closes. While the way stands still, a close waits, too.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: &Way, direction: Direction) {
    let mut buffer = vec![0; 64 * 1024];
    let (mut traffic, vanished) = (way.traffic.subscribe(), way.vanished.subscribe());
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if vanished.has_changed().unwrap_or(false) {
            // Not even an end of the connection comes by it.
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

/// If this piece springs the trap: how many of its bytes still pass. The way stands still from then on.
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
