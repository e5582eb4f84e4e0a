//! `GET /api/v1/view`: the view once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::access::Reader;
use super::error::ErrorBody;
use crate::view::View;

/// Returns the view.
#[utoipa::path(get, path = "/api/v1/view", responses(
    (status = 200, body = View, content_type = "application/json"),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
))]
pub(super) async fn view(_: Reader, State(api): State<Arc<Api>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, api.feed.frame().json.clone()).into_response()
}
