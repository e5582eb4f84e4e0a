//! `GET /api/v1/events`: the event log, newest first, in pages.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use scaler_core::{EventFilter, Slot, WorkerId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Reader;
use super::body::Json;
use super::error::ErrorBody;
use super::params::Params;
use super::workers::limit;
use super::{Api, ApiError};
use crate::listener::Peer;
use crate::view::EventView;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsParams {
    /// Only events with a smaller number.
    before: Option<u64>,
    /// Maximum number of events, from 1 to 1000 [default: 50].
    limit: Option<usize>,
    /// Only events that concern this worker.
    worker: Option<String>,
    /// Only events in which this slot moved.
    slot: Option<u32>,
}

/// Page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventsPage {
    /// Events, newest first.
    events: Vec<EventView>,
    /// Value of `before` for the next page; null if this is the last.
    next: Option<u64>,
}

/// Returns events, newest first. Empty if the store keeps none.
#[utoipa::path(get, path = "/api/v1/events", params(EventsParams), responses(
    (status = 200, body = EventsPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 429, body = ErrorBody),
))]
pub(super) async fn events(
    _: Reader,
    State(api): State<Arc<Api>>,
    Params(params): Params<EventsParams>,
    peer: Option<Extension<Peer>>,
) -> Result<Json<EventsPage>, ApiError> {
    let limit = limit(params.limit, 50)?;
    let filter = EventFilter {
        before: params.before,
        worker: params.worker.as_deref().map(worker).transpose()?,
        slot: params.slot.map(|number| api.slot(number)).transpose()?,
        ..EventFilter::default()
    };
    api.take_read(peer)?;
    let Some(log) = api.store.event_log() else { return Ok(Json(EventsPage { events: Vec::new(), next: None })) };
    let events = log.events(&filter, limit).await?;
    let next = events.last().filter(|_| events.len() == limit).map(|event| event.id);
    Ok(Json(EventsPage { events: events.iter().map(EventView::of).collect(), next }))
}

/// Parses the name of a worker.
pub(super) fn worker(text: &str) -> Result<WorkerId, ApiError> {
    text.parse().map_err(|error| ApiError::malformed(format!("worker: {error}: use the name of a worker")))
}

impl Api {
    /// Returns the slot with this number, if it exists.
    pub(super) fn slot(&self, number: u32) -> Result<Slot, ApiError> {
        let slots = self.feed.frame().view.totals.slots;
        // Before the first look, the number of slots is not known.
        if slots > 0 && u64::from(number) >= slots {
            return Err(ApiError::unknown(format!("slot {number} does not exist: use a number from 0 to {}", slots - 1)));
        }
        Ok(Slot::new(number))
    }

    /// Counts a read of the store against the rate limit of its client.
    pub(super) fn take_read(&self, peer: Option<Extension<Peer>>) -> Result<(), ApiError> {
        peer.map_or(Ok(()), |Extension(Peer(peer))| self.reads.take(peer).map_err(ApiError::too_often))
    }
}
