//! HTTP listener that limits the number and the duration of connections; beyond the limit, a new connection replaces the oldest.
//!
//! `axum::serve` limits neither the time until a request's head has arrived nor the number of connections, and the limits of `tower`
//! apply to requests, of which a slow client sends none.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::write_deadline::WriteDeadline;

/// Maximum number of open connections, unless another is given.
pub(crate) const MOST_CONNECTIONS: usize = 128;
/// Maximum time until the head of a request has arrived.
const ASKED_WITHIN: Duration = Duration::from_secs(5);
/// Maximum duration of a connection, which carries one request and one answer. A stream has none.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// Maximum time for which a client may take nothing of what is written to it.
const STALLED_AFTER: Duration = Duration::from_secs(10);
/// Maximum size of a request's line and headers, in bytes.
const MOST_HEAD: usize = 16 * 1024;
/// Size of the send buffer, in bytes: so small that a client that reads nothing is noticed soon.
const SEND_BUFFER: usize = 64 * 1024;
/// Wait after a failed `accept`, so that a process without file descriptors does not spin.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Address of the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Connection of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection(Arc<AtomicBool>);

impl Connection {
    /// Records that the answer is a stream: it may last, and no later connection replaces it.
    pub(crate) fn streams(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_stream(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves connections forever, at most `most` at a time. A client that opens very many displaces its own; a short request has long
/// been answered by then.
pub(crate) async fn answer(listener: TcpListener, app: Router, most: usize) {
    let most = most.min(file_descriptors().unwrap_or(usize::MAX) / 2);
    let mut open: VecDeque<(AbortHandle, Connection)> = VecDeque::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection for HTTP");
                sleep(AFTER_REFUSAL).await;
                continue;
            }
        };
        open.retain(|(task, _)| !task.is_finished());
        if open.len() >= most {
            let oldest = open.iter().position(|(_, connection)| !connection.is_stream()).unwrap_or(0);
            if let Some((oldest, _)) = open.remove(oldest) {
                oldest.abort();
            }
        }
        // Ignored: the default of the system works, too.
        let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
        let connection = Connection::default();
        let app = app.clone().layer(Extension(Peer(peer.ip().to_canonical()))).layer(Extension(connection.clone()));
        open.push_back((tokio::spawn(converse(stream, app, connection.clone())).abort_handle(), connection));
    }
}

/// Returns the maximum number of files and connections that this process may have open; `None` if the system does not tell. Half of them
/// are for clients: a process without any left loses its servers.
fn file_descriptors() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let open_files = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    open_files.split_whitespace().next()?.parse().ok()
}

async fn converse(stream: TcpStream, app: Router, connection: Connection) {
    let stream = TokioIo::new(WriteDeadline::new(stream, STALLED_AFTER));
    let exchange = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASKED_WITHIN)
        .max_buf_size(MOST_HEAD)
        .keep_alive(false)
        .serve_connection(stream, TowerToHyperService::new(app));
    let mut exchange = std::pin::pin!(exchange);
    // Ignored: the client broke the connection off, or the time is over.
    let ended = timeout(ANSWERED_WITHIN, &mut exchange).await.is_ok();
    if !ended && connection.is_stream() {
        let _ = exchange.await;
    }
}
