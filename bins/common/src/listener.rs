//! HTTP listener that limits the number and the duration of connections; beyond the limit, a new connection replaces the oldest.
//!
//! `axum::serve` limits neither the time until a request's head has arrived nor the number of connections, and the limits of `tower`
//! apply to requests, of which a slow client sends none.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// Maximum number of open connections.
const MOST_CONNECTIONS: usize = 128;
/// Maximum time until the head of a request has arrived.
const ASKED_WITHIN: Duration = Duration::from_secs(5);
/// Maximum duration of a connection, which carries one request and one answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// Wait after a failed `accept`, so that a process without file descriptors does not spin.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Address of the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves connections forever. A client that opens very many displaces its own; a short request has long been answered by then.
pub(crate) async fn answer(listener: TcpListener, app: Router) {
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection for /health, /ready and /metrics");
                sleep(AFTER_REFUSAL).await;
                continue;
            }
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= MOST_CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let app = app.clone().layer(Extension(Peer(peer.ip().to_canonical())));
        open.push_back(tokio::spawn(converse(stream, app)).abort_handle());
    }
}

async fn converse(stream: TcpStream, app: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASKED_WITHIN)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    // Ignored: the client broke the connection off, or the time is over.
    let _ = timeout(ANSWERED_WITHIN, connection).await;
}
