//! `GET /health`, `/ready` and `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::Failure;
use crate::config::Listen;
use crate::readiness::Readiness;

/// The media type of what Prometheus reads.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers from now on, in the background; the address it listens on, if any.
///
/// That it answers says that the process lives, whatever becomes of the servers it uses.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(listen: Listen, readiness: Readiness, metrics: Registry) -> Result<Option<SocketAddr>, Failure> {
    let Listen::At(address) = listen else { return Ok(None) };
    let refused = |source| Failure::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    let app = Router::new()
        .route("/health", get("ok\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(text))
        .with_state(Arc::new(Told { readiness, metrics }));
    tracing::info!("health and metrics on http://{bound}");
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!("health and metrics on {bound} answer no more: {error}");
        }
    });
    Ok(Some(bound))
}

#[derive(Debug)]
struct Told {
    readiness: Readiness,
    metrics: Registry,
}

async fn ready(State(told): State<Arc<Told>>) -> (StatusCode, String) {
    match told.readiness.check() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn text(State(told): State<Arc<Told>>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &told.metrics) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, METRICS_TYPE)], text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], error.to_string()),
    }
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
    async fn it_tells_life_readiness_and_metrics() {
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
    async fn an_address_in_use_is_named() {
        let readiness = Readiness::new(Arc::new(TokioClock::start()), "tick");
        let taken = serve(ANY, readiness.clone(), Registry::default()).await.unwrap().unwrap();
        let failure = serve(Listen::At(taken), readiness.clone(), Registry::default()).await.unwrap_err();
        assert!(failure.to_string().starts_with(&format!("LISTEN: cannot listen on {taken}: ")), "{failure}");
        assert_eq!(failure.code(), 64);
        assert_eq!(serve(Listen::Off, readiness, Registry::default()).await.unwrap(), None);
    }
}
