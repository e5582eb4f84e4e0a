//! `GET /api/v1/checks`: checks of the whole system.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Reader;
use super::body::Json;
use super::error::ErrorBody;
use super::{Api, ViewFeed};
use crate::checks::{Check, are_well, of_view};

/// Checks of the whole system.
#[async_trait]
pub trait Checks: fmt::Debug + Send + Sync {
    /// Runs all checks. A check that cannot be made is [`Unknown`](crate::checks::CheckState::Unknown).
    async fn run(&self) -> Vec<Check>;
}

/// Checks that need nothing but the view.
#[derive(Clone, Debug)]
pub(super) struct ViewChecks(pub(super) ViewFeed);

/// Check with its result.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CheckView {
    /// Name.
    name: &'static str,
    /// Result: `ok`, `unknown`, `warning` or `failed`.
    state: &'static str,
    /// Result in one sentence.
    text: String,
    /// Section of the documentation with the meaning of the check and the remedy.
    guide: String,
}

/// Results of all checks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CheckReport {
    /// True if no check has failed and none is a warning.
    ok: bool,
    /// All checks.
    checks: Vec<CheckView>,
}

#[async_trait]
impl Checks for ViewChecks {
    async fn run(&self) -> Vec<Check> {
        of_view(&self.0.frame().view)
    }
}

/// Runs all checks.
#[utoipa::path(get, path = "/api/v1/checks", responses(
    (status = 200, body = CheckReport), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
))]
pub(super) async fn checks(_: Reader, State(api): State<Arc<Api>>) -> Json<CheckReport> {
    let checks = api.checks.run().await;
    let ok = are_well(&checks);
    let shown =
        |check: Check| CheckView { name: check.name, state: check.state.as_str(), guide: check.guide(), text: check.text };
    Json(CheckReport { ok, checks: checks.into_iter().map(shown).collect() })
}
