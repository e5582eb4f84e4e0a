//! `POST /api/v1/demo`: commands for a demo.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::access::Changer;
use super::body::{Body, Json};
use super::error::ErrorBody;
use super::{Api, ApiError};

/// Command of a viewer, with the place for its result: what it did, or why it did not.
#[derive(Debug)]
pub struct DemoRequest {
    /// The command, as it is typed.
    pub command: String,
    /// Place for the result.
    pub reply: oneshot::Sender<Result<String, String>>,
}

/// Command for a demo.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DemoCommand {
    /// `workers add N`, `worker kill NAME`, `worker drain NAME`, `items add N` or `items remove N|ID...`.
    #[schema(example = "worker kill worker-2")]
    command: String,
}

/// Result of a command.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DemoDone {
    /// Effect of the command, in words.
    done: String,
}

/// Carries out a command. Only a demo does.
#[utoipa::path(post, path = "/api/v1/demo", request_body = DemoCommand, responses(
    (status = 200, body = DemoDone), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
))]
pub(super) async fn demo(
    State(api): State<Arc<Api>>,
    _: Changer,
    Body(request): Body<DemoCommand>,
) -> Result<Json<DemoDone>, ApiError> {
    let commands = api.demo.as_ref().ok_or_else(|| ApiError::unknown("this is no demo: start one with `notifi-scaler demo`"))?;
    let (reply, done) = oneshot::channel();
    let ended = || ApiError::conflict("the demo has ended: start another one");
    commands.send(DemoRequest { command: request.command, reply }).await.map_err(|_| ended())?;
    let done = done.await.map_err(|_| ended())?;
    done.map(|done| Json(DemoDone { done })).map_err(ApiError::malformed)
}
