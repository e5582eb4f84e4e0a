//! JSON body of a request.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ApiError;

/// Maximum size of a request's body, in bytes.
pub(super) const MOST_BODY: usize = 16 * 1024;

/// JSON body of a request. Unknown fields are an error if `T` says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            let error = "the content type is not application/json: send `Content-Type: application/json`";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
        }
        let bytes = to_bytes(request.into_body(), MOST_BODY).await.map_err(|_| {
            let error = format!("the body is longer than {MOST_BODY} bytes or broken off: send a shorter one");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, error)
        })?;
        let malformed = |error| ApiError::malformed(format!("the body is malformed: {error}: see /api/v1/openapi.json"));
        serde_json::from_slice(&bytes).map(Self).map_err(malformed)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// JSON body of an answer, which is never cached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
        match serde_json::to_string(&self.0) {
            Ok(json) => (headers, json).into_response(),
            Err(error) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the answer: {error}")).into_response(),
        }
    }
}
