//! `GET /api/v1/workers`: all workers, in pages.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Reader;
use super::body::Json;
use super::error::ErrorBody;
use super::params::Params;
use super::{Api, ApiError};
use crate::view::WorkerView;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WorkersParams {
    /// Only workers whose names come later.
    after: Option<String>,
    /// Maximum number of workers, from 1 to 1000 [default: 100].
    limit: Option<usize>,
}

/// Page of workers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkersPage {
    /// Workers, by name.
    workers: Vec<WorkerView>,
    /// Value of `after` for the next page; null if this is the last.
    next: Option<String>,
}

/// Returns workers, by name.
#[utoipa::path(get, path = "/api/v1/workers", params(WorkersParams), responses(
    (status = 200, body = WorkersPage), (status = 400, body = ErrorBody),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody),
))]
pub(super) async fn workers(
    _: Reader,
    State(api): State<Arc<Api>>,
    Params(params): Params<WorkersParams>,
) -> Result<Json<WorkersPage>, ApiError> {
    let limit = limit(params.limit, 100)?;
    let all = api.feed.workers().ok_or_else(|| {
        let error = "this control plane is a standby and knows only some of the workers: ask the leader, or read /api/v1/view";
        ApiError::unavailable(error, Duration::from_secs(2))
    })?;
    let after = params.after.unwrap_or_default();
    let mut workers: Vec<_> = all.into_iter().filter(|worker| worker.name > after).take(limit + 1).collect();
    let is_last = workers.len() <= limit;
    workers.truncate(limit);
    let next = workers.last().filter(|_| !is_last).map(|worker| worker.name.clone());
    Ok(Json(WorkersPage { workers, next }))
}

/// Returns the limit of a page, from 1 to 1000.
pub(super) fn limit(given: Option<usize>, default: usize) -> Result<usize, ApiError> {
    match given.unwrap_or(default) {
        limit @ 1..=1000 => Ok(limit),
        limit => Err(ApiError::malformed(format!("limit: {limit} is out of range: use a number from 1 to 1000"))),
    }
}
