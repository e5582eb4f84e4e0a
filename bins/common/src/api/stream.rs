//! `GET /api/v1/stream`: the view once a second, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Deserialize;
use utoipa::IntoParams;

use super::error::ErrorBody;
use super::params::Params;
use super::{Api, ApiError, MOST_VIEWERS};
use crate::listener::Connection;
use crate::view::View;

/// Beginning of the stream: a client reconnects after 2 s.
const RETRY: &str = "retry: 2000\n\n";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamParams {
    /// Token, for clients that cannot send `Authorization`, such as an `EventSource`.
    token: Option<String>,
}

/// Sends the view once a second, as an event `view`. A client that reads nothing for 10 s is disconnected.
#[utoipa::path(get, path = "/api/v1/stream", params(StreamParams), responses(
    (status = 200, body = View, content_type = "text/event-stream"),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody),
))]
pub(super) async fn stream(
    State(api): State<Arc<Api>>,
    Params(params): Params<StreamParams>,
    headers: HeaderMap,
    connection: Option<Extension<Connection>>,
) -> Result<Response, ApiError> {
    api.access.check_read(&headers, params.token.as_deref())?;
    let seat = Arc::clone(&api.viewers).try_acquire_owned().map_err(|_| {
        let error = format!("{MOST_VIEWERS} viewers watch already: try again later, or read /api/v1/view");
        ApiError::unavailable(error, Duration::from_secs(5))
    })?;
    if let Some(Extension(connection)) = connection {
        connection.streams();
    }
    let mut frames = api.feed.frames();
    frames.mark_changed();
    let events = unfold((frames, seat, RETRY), async |(mut frames, seat, prefix)| {
        frames.changed().await.ok()?;
        let event = frames.borrow_and_update().event.clone();
        let bytes = if prefix.is_empty() { event } else { Bytes::from([prefix.as_bytes(), &event].concat()) };
        Some((Ok::<_, Infallible>(bytes), (frames, seat, "")))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Nginx would otherwise buffer the stream.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}
