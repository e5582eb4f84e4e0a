//! The checks of `doctor`, for the page: made at most once in a while, however many viewers ask.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use notifi_scaler_common::api::{Checks, LateMembers};
use notifi_scaler_common::checks::{self, Check, Facts};
use scaler_core::{Clock, TokioClock};
use scaler_pg::PgStore;
use tokio::sync::Mutex;

/// Time for which results are used again.
const FRESH_FOR: Duration = Duration::from_secs(15);

/// Checks of a system on Postgres.
pub(crate) struct PgChecks {
    store: Arc<PgStore>,
    members: LateMembers,
    clock: TokioClock,
    /// The last results, and the time at which they were made. Locked while the checks run, so that they run once at a time.
    last: Mutex<Option<(Duration, Vec<Check>)>>,
}

impl PgChecks {
    pub(crate) fn new(store: Arc<PgStore>, members: LateMembers) -> Self {
        Self { store, members, clock: TokioClock::start(), last: Mutex::default() }
    }
}

#[async_trait]
impl Checks for PgChecks {
    async fn run(&self) -> Vec<Check> {
        let mut last = self.last.lock().await;
        if let Some((at, checks)) = &*last
            && self.clock.now().saturating_sub(*at) < FRESH_FOR
        {
            return checks.clone();
        }
        let members = match self.members.get() {
            Some(members) => members.members().await.map_err(|error| error.to_string()),
            None => Err("the control plane has not reached its servers yet".to_owned()),
        };
        let facts = Facts::read(&self.store, members).await;
        let checks = checks::all(&facts);
        *last = Some((self.clock.now(), checks.clone()));
        checks
    }
}

impl fmt::Debug for PgChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgChecks").finish_non_exhaustive()
    }
}
