//! Liveness check of a server that works on a long statement.
//!
//! Creating an index or reading a large table takes longer than any timeout that could tell a silent server from an unreachable one. So a
//! second session asks whether the backend of the first session is still active.

use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use scaler_core::StoreError;
use tokio::time::timeout;

use crate::backend::Backend;
use crate::connection::Link;
use crate::error::{Finding, is_full};

/// Interval between the checks of the second session.
const EVERY: Duration = Duration::from_secs(2);
/// Number of consecutive checks that must fail, or find the backend inactive. One is not enough: an answer that has just been given may be on
/// its way.
const DOUBTS: u32 = 2;

impl Link {
    /// Waits for `work` for as long as its backend is active. `work` sets `backend` before it starts a long statement.
    pub(crate) async fn attend<T>(
        &self,
        during: &'static str,
        backend: &OnceLock<Backend>,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut work = pin!(work);
        let mut doubts = 0;
        while doubts < DOUBTS {
            if let Ok(answer) = timeout(EVERY, &mut work).await {
                return answer;
            }
            let is_at_work = tokio::select! {
                biased;
                answer = &mut work => return answer,
                is_at_work = self.is_at_work(during, backend.get()) => is_at_work,
            };
            doubts = if is_at_work { 0 } else { doubts + 1 };
        }
        let finding = Finding::Vanished { target: self.target().clone() };
        Err(StoreError::Unanswered { during, source: Box::new(finding) })
    }

    async fn is_at_work(&self, during: &'static str, backend: Option<&Backend>) -> bool {
        let Some(Backend { pid, started_us }) = backend else { return false };
        let query = sqlx::query_as(include_str!("../sql/backend_works.sql")).bind(pid).bind(started_us);
        match self.rows(during, query).await as Result<Vec<(bool,)>, _> {
            Ok(rows) => rows.first().is_some_and(|(is_at_work,)| *is_at_work),
            // A server without a free connection slot for this check is alive.
            Err(error) => is_full(&error),
        }
    }
}
