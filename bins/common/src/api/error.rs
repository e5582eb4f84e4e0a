//! Errors of the API: a status, and one sentence that names the input, the reason and the remedy.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use scaler_core::{ErrorClass, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

/// Error of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    error: String,
    retry_after: Option<Duration>,
}

/// Body of an error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// Input, reason and remedy, in one sentence.
    error: String,
}

impl ApiError {
    /// Returns an error with this status.
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), retry_after: None }
    }

    /// Returns the error that the request is malformed.
    pub(super) fn malformed(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// Returns the error that something does not exist.
    pub(super) fn unknown(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// Returns the error that the request contradicts the state of the system.
    pub(super) fn conflict(error: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, error)
    }

    /// Returns the error that there are too many requests.
    pub(super) fn too_often(wait: Duration) -> Self {
        let error = "too many requests from this address: send fewer, or wait as long as Retry-After says";
        Self { retry_after: Some(wait), ..Self::new(StatusCode::TOO_MANY_REQUESTS, error) }
    }

    /// Returns the error that something is not available now.
    pub(super) fn unavailable(error: impl Into<String>, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error) }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error.class() {
            ErrorClass::Permanent => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}; correct what the store names"))
            }
            ErrorClass::Transient | ErrorClass::Indeterminate => {
                Self::unavailable(format!("{error}; the store does not answer, try again later"), Duration::from_secs(2))
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&ErrorBody { error: self.error }).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            // `Retry-After` has whole seconds only.
            let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
