//! `/api/v1/wishes`: lists, makes and withdraws wishes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use scaler_core::{
    RecordedWish, Slot, WISH_TEXT_LIMIT, WISH_WEIGHT_LIMIT, Weight, Wish, WishKind, WishSubject, Wishes, WorkerId, slot_of,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Changer, Reader};
use super::body::{Body, Json};
use super::error::ErrorBody;
use super::events::worker;
use super::{Api, ApiError};
use crate::view::Timestamp;

/// All wishes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WishList {
    /// Wishes, by subject.
    wishes: Vec<WishView>,
}

/// Wish.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WishView {
    /// Kind: `pause`, `cordon`, `drain`, `weight` or `pin`.
    wish: String,
    /// Worker that it names.
    worker: Option<String>,
    /// Slot that it pins.
    slot: Option<u32>,
    /// Weight that it gives.
    weight: Option<u32>,
    /// Operator who made it.
    by: String,
    /// Note of the operator.
    note: String,
    /// Time at which it was made.
    since: Timestamp,
}

/// Wish to make or to withdraw.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WishRequest {
    /// Kind: `pause`, `cordon`, `drain`, `weight` or `pin`.
    wish: String,
    /// Worker; for all kinds except `pause`. Not needed to withdraw a pin.
    worker: Option<String>,
    /// Slot to pin.
    slot: Option<u32>,
    /// Key of the item whose slot is pinned, in place of `slot`.
    item: Option<String>,
    /// Weight, from 1 to 1000; for `weight`. Ignored to withdraw one.
    weight: Option<u32>,
    /// Name of the operator.
    by: String,
    /// Note of the operator. Ignored to withdraw a wish.
    #[serde(default)]
    note: String,
}

/// Returns all wishes.
#[utoipa::path(get, path = "/api/v1/wishes", responses(
    (status = 200, body = WishList), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 503, body = ErrorBody),
))]
pub(super) async fn list(_: Reader, State(api): State<Arc<Api>>) -> Result<Json<WishList>, ApiError> {
    let wishes = match api.store.wishes() {
        None => Vec::new(),
        Some(wishes) => wishes.wishes().await?,
    };
    Ok(Json(WishList { wishes: wishes.iter().map(WishView::of).collect() }))
}

/// Makes a wish, in place of the one with the same subject.
#[utoipa::path(put, path = "/api/v1/wishes", request_body = WishRequest, responses(
    (status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody), (status = 503, body = ErrorBody),
))]
pub(super) async fn put(
    _: Changer,
    State(api): State<Arc<Api>>,
    Body(request): Body<WishRequest>,
) -> Result<StatusCode, ApiError> {
    let wishes = api.wishes()?;
    request.check_texts()?;
    let wish = match api.subject(&request).await? {
        WishSubject::Rebalancing => Wish::Pause,
        WishSubject::Worker(kind, worker) => {
            api.check_worker(&worker)?;
            match kind {
                WishKind::Cordon => Wish::Cordon(worker),
                WishKind::Drain => Wish::Drain(worker),
                _ => Wish::Weigh(worker, request.weight()?),
            }
        }
        WishSubject::Slot(slot) => {
            let worker = request.worker()?;
            api.check_worker(&worker)?;
            Wish::Pin(slot, worker)
        }
    };
    wishes.wish(&wish, &request.by, &request.note).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraws the wish with this subject.
#[utoipa::path(delete, path = "/api/v1/wishes", request_body = WishRequest, responses(
    (status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody), (status = 503, body = ErrorBody),
))]
pub(super) async fn delete(
    _: Changer,
    State(api): State<Arc<Api>>,
    Body(request): Body<WishRequest>,
) -> Result<StatusCode, ApiError> {
    let wishes = api.wishes()?;
    request.check_texts()?;
    let subject = api.subject(&request).await?;
    if wishes.withdraw(&subject, &request.by).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::unknown(format!("there is no such wish, {subject} already: `GET /api/v1/wishes` lists all wishes")))
    }
}

impl Api {
    fn wishes(&self) -> Result<&dyn Wishes, ApiError> {
        self.store.wishes().ok_or_else(|| ApiError::conflict("this store keeps no wishes: this system cannot be steered"))
    }

    /// Returns the subject of a request, and checks that its slot or item exists.
    async fn subject(&self, request: &WishRequest) -> Result<WishSubject, ApiError> {
        let Some(kind) = WishKind::parse(&request.wish) else {
            let kinds = WishKind::ALL.map(WishKind::as_str).join(", ");
            return Err(ApiError::malformed(format!("wish: {:?} is unknown: use one of {kinds}", request.wish)));
        };
        if kind != WishKind::Pin && (request.slot.is_some() || request.item.is_some()) {
            return Err(ApiError::malformed(format!("slot and item: a {kind} has none: leave them out")));
        }
        match kind {
            WishKind::Pause if request.worker.is_some() => Err(ApiError::malformed("worker: a pause has none: leave it out")),
            WishKind::Pause => Ok(WishSubject::Rebalancing),
            WishKind::Cordon | WishKind::Drain | WishKind::Weight => Ok(WishSubject::Worker(kind, request.worker()?)),
            WishKind::Pin => self.pinned(request).await.map(WishSubject::Slot),
        }
    }

    async fn pinned(&self, request: &WishRequest) -> Result<Slot, ApiError> {
        let slots = self.store.slot_count().await?;
        match (request.slot, &request.item) {
            (Some(number), None) if Slot::new(number).index() < slots.len() => Ok(Slot::new(number)),
            (Some(number), None) => {
                let last = slots.len() - 1;
                Err(ApiError::conflict(format!("slot {number} does not exist: use a number from 0 to {last}")))
            }
            (None, Some(key)) => match self.items.find(key).await? {
                Some(found) => Ok(slot_of(&found.item, slots)),
                None => Err(ApiError::unknown(format!("item {key:?} does not exist: check the spelling"))),
            },
            _ => Err(ApiError::malformed("slot, item: a pin needs exactly one of them")),
        }
    }

    /// Checks that a worker exists. A standby that knows only some of the workers takes any name.
    fn check_worker(&self, name: &WorkerId) -> Result<(), ApiError> {
        match self.feed.workers() {
            Some(workers) if workers.iter().all(|worker| worker.name != name.as_str()) => {
                Err(ApiError::unknown(format!("worker {name} does not exist: `GET /api/v1/workers` lists all workers")))
            }
            _ => Ok(()),
        }
    }
}

impl WishRequest {
    fn worker(&self) -> Result<WorkerId, ApiError> {
        let missing = || ApiError::malformed(format!("worker: a {} needs one: give its name", self.wish));
        worker(self.worker.as_deref().ok_or_else(missing)?)
    }

    fn weight(&self) -> Result<Weight, ApiError> {
        let weight = self.weight.filter(|weight| *weight <= WISH_WEIGHT_LIMIT).and_then(Weight::new);
        let refused = || ApiError::malformed(format!("weight: give a number from 1 to {WISH_WEIGHT_LIMIT}, or drain the worker"));
        weight.ok_or_else(refused)
    }

    fn check_texts(&self) -> Result<(), ApiError> {
        if self.by.trim().is_empty() {
            return Err(ApiError::malformed("by: is empty: give your name"));
        }
        for (name, text) in [("by", &self.by), ("note", &self.note)] {
            if text.chars().count() > WISH_TEXT_LIMIT {
                let error = format!("{name}: has more than {WISH_TEXT_LIMIT} characters: shorten it");
                return Err(ApiError::malformed(error));
            }
        }
        Ok(())
    }
}

impl WishView {
    fn of(recorded: &RecordedWish) -> Self {
        let (slot, weight) = match &recorded.wish {
            Wish::Pin(slot, _) => (Some(slot.number()), None),
            Wish::Weigh(_, weight) => (None, Some(weight.get())),
            Wish::Pause | Wish::Cordon(_) | Wish::Drain(_) => (None, None),
        };
        Self {
            wish: recorded.wish.kind().to_string(),
            worker: recorded.wish.worker().map(WorkerId::to_string),
            slot,
            weight,
            by: recorded.by.clone(),
            note: recorded.note.clone(),
            since: Timestamp::of(recorded.since),
        }
    }
}
