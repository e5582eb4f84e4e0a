//! `GET /api/v1/checks`: checks of the whole system.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Reader;
use super::body::Json;
use super::error::ErrorBody;
use super::{Api, ViewFeed};
use crate::view::View;

/// Age of a view from which on it is old, in milliseconds.
const OLD_MS: u64 = 10_000;

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// All is well.
    Ok,
    /// An operator may want to act.
    Warning,
    /// An operator must act.
    Failed,
    /// The check could not be made.
    Unknown,
}

/// Check with its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Name.
    pub name: String,
    /// Result.
    pub state: CheckState,
    /// Result in one sentence.
    pub text: String,
    /// Page of the documentation, relative to its root.
    pub guide: String,
}

/// Results of all checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckReport {
    /// True if no check failed.
    pub ok: bool,
    /// All checks.
    pub checks: Vec<Check>,
}

/// Checks of the whole system.
#[async_trait]
pub trait Checks: fmt::Debug + Send + Sync {
    /// Runs all checks. A check that cannot be made is [`CheckState::Unknown`].
    async fn run(&self) -> Vec<Check>;
}

/// Checks that need nothing but the view.
#[derive(Clone, Debug)]
pub struct ViewChecks(ViewFeed);

impl Check {
    /// Returns a check whose guide is the section of its name in the page of `doctor`.
    pub fn new(name: &str, state: CheckState, text: impl Into<String>) -> Self {
        let guide = format!("operate/doctor.html#{}", name.replace(' ', "-"));
        Self { name: name.to_owned(), state, text: text.into(), guide }
    }
}

impl ViewChecks {
    /// Returns the checks of the views of this feed.
    #[must_use]
    pub const fn new(feed: ViewFeed) -> Self {
        Self(feed)
    }
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
    let ok = checks.iter().all(|check| check.state != CheckState::Failed);
    Json(CheckReport { ok, checks })
}

fn of_view(view: &View) -> Vec<Check> {
    let leader = match &view.leader {
        None => Check::new("leader", CheckState::Failed, "no control plane leads: no slot moves until one is elected"),
        Some(_) if view.age_ms > OLD_MS => {
            let text = format!("the last sign of the leader is {:.0} s old", seconds(view.age_ms));
            Check::new("leader", CheckState::Failed, text)
        }
        Some(leader) => {
            let text = format!("control plane {} leads in term {} since {}", leader.candidate, leader.term, leader.since);
            Check::new("leader", CheckState::Ok, text)
        }
    };
    let stores = view.stores.iter().map(|server| {
        let name = format!("store {}", server.name);
        match &server.error {
            None => Check::new(&name, CheckState::Ok, format!("{} answers", server.name)),
            Some(error) => Check::new(&name, CheckState::Failed, format!("{}: {error}", server.name)),
        }
    });
    let doubles = match &view.audit {
        None => Check::new("doubles", CheckState::Unknown, "no audit has ended yet"),
        Some(audit) if audit.doubles > 0 => {
            Check::new("doubles", CheckState::Failed, format!("the last audit found {} increments too many", audit.doubles))
        }
        Some(audit) => Check::new("doubles", CheckState::Ok, format!("the last audit checked {} items", audit.items)),
    };
    let late = match view.totals.late_slots {
        0 => Check::new("late slots", CheckState::Ok, "every slot with items was ticked in time"),
        late => Check::new("late slots", CheckState::Warning, format!("{late} slots have missed at least one whole tick")),
    };
    [leader].into_iter().chain(stores).chain([doubles, late]).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a number for people to look at")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
