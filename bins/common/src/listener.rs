//! Connections that cannot starve each other: there are only so many, none lasts, and a new one takes the place of the oldest.
//!
//! `axum::serve` limits neither the time until a request's head has come nor the number of connections, and the limits of `tower` apply
//! to requests, of which a slow client sends none.

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

/// The most connections at a time.
const MOST_CONNECTIONS: usize = 128;
/// How long a request may take to come.
const ASKED_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection lasts at most: one request, one answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// So that a process without file descriptors does not spin.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Answers for ever. A client that floods us pushes its own connections out, and a short one has long been answered by then.
pub(crate) async fn answer(listener: TcpListener, app: Router) {
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!("a connection could not be accepted: {error}");
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
    // A client that breaks off is none of our business.
    let _ = timeout(ANSWERED_WITHIN, connection).await;
}
