//! HTTP endpoints `GET /health`, `/ready` and `/metrics`.
//!
//! `/ready` and `/metrics` have a rate limit for each client address, with status 429 and `Retry-After`. `/health` has none: it
//! costs nothing, and a liveness probe is never refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::Failure;
use crate::config::Listen;
use crate::dual_stack::bind;
use crate::listener::{MOST_CONNECTIONS, Peer, answer};
use crate::rate::RateLimit;
use crate::readiness::Readiness;

/// Media type of the metrics for Prometheus.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Rate limits of `/ready` and `/metrics` for each client address: interval between requests, and burst.
const READY_EVERY: Duration = Duration::from_millis(100);
const READY_BURST: u32 = 20;
const METRICS_EVERY: Duration = Duration::from_millis(200);
const METRICS_BURST: u32 = 20;

/// Serves health and metrics in the background. Returns the address that it listens on; `None` if `listen` is off.
///
/// `/health` answers while the process lives, whatever the state of the servers that it uses.
///
/// # Errors
/// [`Failure::Listen`] if the address cannot be bound.
pub async fn serve(listen: Listen, readiness: Readiness, metrics: Registry) -> Result<Option<SocketAddr>, Failure> {
    let Listen::At(address) = listen else { return Ok(None) };
    let refused = |source| Failure::Listen { address, source };
    let listener = bind(address).map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    let clock = readiness.clock();
    let told = Told {
        readiness,
        metrics,
        ready_limit: RateLimit::new(Arc::clone(&clock), READY_EVERY, READY_BURST),
        metrics_limit: RateLimit::new(clock, METRICS_EVERY, METRICS_BURST),
    };
    let app = Router::new()
        .route("/health", get("ok\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(text))
        .with_state(Arc::new(told));
    tracing::info!("serving /health, /ready and /metrics on http://{bound}");
    tokio::spawn(answer(listener, app, MOST_CONNECTIONS));
    Ok(Some(bound))
}

#[derive(Debug)]
struct Told {
    readiness: Readiness,
    metrics: Registry,
    ready_limit: RateLimit,
    metrics_limit: RateLimit,
}

async fn ready(State(told): State<Arc<Told>>, Extension(Peer(peer)): Extension<Peer>) -> Response {
    if let Err(wait) = told.ready_limit.take(peer) {
        return too_often(wait);
    }
    match told.readiness.check() {
        Ok(()) => match told.readiness.shortfall() {
            None => "ready\n".into_response(),
            Some(why) => format!("ready, but {why}\n").into_response(),
        },
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn text(State(told): State<Arc<Told>>, Extension(Peer(peer)): Extension<Peer>) -> Response {
    if let Err(wait) = told.metrics_limit.take(peer) {
        return too_often(wait);
    }
    let mut text = String::new();
    match encode(&mut text, &told.metrics) {
        Ok(()) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn too_often(wait: Duration) -> Response {
    // `Retry-After` has whole seconds only.
    let seconds = wait.as_millis().div_ceil(1000).to_string();
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)], "rate limit exceeded\n").into_response()
}

#[cfg(test)]
mod tests {
    use scaler_core::TokioClock;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::metrics::WorkerMetrics;

    const ANY: Listen = Listen::At(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0));

    async fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn it_serves_health_readiness_and_metrics() {
        let readiness = Readiness::new(Arc::new(TokioClock::start()), "tick");
        let mut registry = Registry::default();
        WorkerMetrics::register(&mut registry).owned_slots.set(7);
        let address = serve(ANY, readiness.clone(), registry).await.unwrap().unwrap();
        assert!(fetch(address, "/health").await.starts_with("HTTP/1.1 200"));
        let answer = fetch(address, "/ready").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("no tick yet\n"), "{answer}");
        readiness.worked();
        assert!(fetch(address, "/ready").await.starts_with("HTTP/1.1 200"));
        readiness.leaving();
        let answer = fetch(address, "/ready").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("draining\n"), "{answer}");
        let answer = fetch(address, "/metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\nnotifi_scaler_worker_owned_slots 7\n"), "{answer}");
        assert!(fetch(address, "/other").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn ready_and_metrics_have_a_rate_limit_and_health_has_none() {
        let readiness = Readiness::new(Arc::new(TokioClock::start()), "tick");
        let address = serve(ANY, readiness, Registry::default()).await.unwrap().unwrap();
        let mut refused = String::new();
        for _ in 0..=2 * METRICS_BURST {
            refused = fetch(address, "/metrics").await;
        }
        assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("retry-after: 1\r\n"), "{refused}");
        assert!(fetch(address, "/ready").await.starts_with("HTTP/1.1 503"), "each endpoint has its own bucket");
        for _ in 0..500 {
            assert!(fetch(address, "/health").await.starts_with("HTTP/1.1 200"));
        }
    }

    #[tokio::test]
    async fn idle_connections_do_not_block_new_ones() {
        let readiness = Readiness::new(Arc::new(TokioClock::start()), "tick");
        let address = serve(ANY, readiness, Registry::default()).await.unwrap().unwrap();
        let mut silent = Vec::new();
        for _ in 0..400 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        assert!(fetch(address, "/health").await.starts_with("HTTP/1.1 200"));
        let cut = silent[0].read(&mut [0; 1]).await;
        assert!(matches!(cut, Ok(0) | Err(_)), "the oldest is closed: {cut:?}");
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let readiness = Readiness::new(Arc::new(TokioClock::start()), "tick");
        let taken = serve(ANY, readiness.clone(), Registry::default()).await.unwrap().unwrap();
        let failure = serve(Listen::At(taken), readiness.clone(), Registry::default()).await.unwrap_err();
        assert!(failure.to_string().starts_with(&format!("LISTEN: cannot listen on {taken}: ")), "{failure}");
        assert_eq!(failure.code(), 64);
        assert_eq!(serve(Listen::Off, readiness, Registry::default()).await.unwrap(), None);
    }
}
