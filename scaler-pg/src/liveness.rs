//! Notices that a server vanished while it works on what may last.
//!
//! Making an index or reading a large table takes longer than any timeout by which a silent server could be told from one that is gone. So
//! a second session asks whether the process that works for the first one is still at work.

use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use scaler_core::StoreError;
use tokio::time::timeout;

use crate::backend::Backend;
use crate::connection::Link;
use crate::error::{Finding, is_full};

/// How often a second session asks.
const EVERY: Duration = Duration::from_secs(2);
/// So many times in a row the answer must be missing, or be no: what has just ended may be on its way.
const DOUBTS: u32 = 2;

impl Link {
    /// Waits for work for as long as the backend is at it. The work tells which one that is before it begins with what may last.
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
            // It has no place for the one who asks: so it is there.
            Err(error) => is_full(&error),
        }
    }
}
