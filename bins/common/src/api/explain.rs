//! `GET /api/v1/explain`: why an item, a slot or a worker is where it is.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::access::Reader;
use super::body::Json;
use super::error::ErrorBody;
use super::events::worker;
use super::params::Params;
use super::{Api, ApiError};
use crate::explain::{Explanation, Sources, Subject, explain as explained};
use crate::listener::Peer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExplainParams {
    /// Key of an item.
    item: Option<String>,
    /// Number of a slot.
    slot: Option<u32>,
    /// Name of a worker.
    worker: Option<String>,
}

/// Explains an item, a slot or a worker; exactly one of them is given.
#[utoipa::path(get, path = "/api/v1/explain", params(ExplainParams), responses(
    (status = 200, body = Explanation), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody),
))]
pub(super) async fn explain(
    _: Reader,
    State(api): State<Arc<Api>>,
    Params(params): Params<ExplainParams>,
    peer: Option<Extension<Peer>>,
) -> Result<Json<Explanation>, ApiError> {
    let subject = match (params.item, params.slot, params.worker) {
        (Some(key), None, None) => Subject::Item(key),
        (None, Some(number), None) => Subject::Slot(api.slot(number)?),
        (None, None, Some(name)) => Subject::Worker(worker(&name)?),
        _ => return Err(ApiError::malformed("the subject is missing or ambiguous: give one of item, slot and worker")),
    };
    api.take_read(peer)?;
    let situation = api.feed.situation();
    let sources = Sources {
        store: api.store.as_ref(),
        items: api.items.as_ref(),
        members: api.members.get().map(|members| &**members),
        situation: situation.as_ref(),
    };
    let unknown = || ApiError::unknown(format!("{subject} does not exist: check the spelling, or list what there is"));
    explained(&subject, &sources).await?.map(Json).ok_or_else(unknown)
}
