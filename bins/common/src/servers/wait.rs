//! Waits for servers that a program needs before it can begin, and logs the reason.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use scaler_core::{Clock, Episode, ErrorClass, StoreError, TokioClock};

use crate::Failure;
use crate::config::WaitLimit;
use crate::readiness::Readiness;
use crate::text::soon;

/// Time for which a one-shot command waits without logging it.
const QUIET_FOR: Duration = Duration::from_secs(2);

/// Wait of a program for its servers at the start, with the limit and the readiness that shows the reason.
#[derive(Clone, Debug)]
pub struct ServerWait {
    limit: WaitLimit,
    readiness: Option<Readiness>,
}

impl ServerWait {
    /// Returns a wait without limit, for a program that runs until it is stopped: `/ready` shows the reason, too.
    #[must_use]
    pub const fn forever(readiness: Readiness) -> Self {
        Self { limit: WaitLimit::Forever, readiness: Some(readiness) }
    }

    /// Returns a wait with a limit, for a one-shot command.
    #[must_use]
    pub const fn at_most(limit: WaitLimit) -> Self {
        Self { limit, readiness: None }
    }

    /// Repeats a first call to a server until it succeeds. Logs the reason for the wait when it begins or changes, and again at growing
    /// intervals. The call must be safe to repeat.
    ///
    /// # Errors
    /// The error of the call if waiting cannot resolve it, or if the limit is over.
    pub async fn until_ready<T, F>(&self, server: &str, call: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let clock = TokioClock::start();
        let begun = clock.now();
        let mut episode = Episode::default();
        let mut waits = waits();
        loop {
            let failure = match call().await {
                Ok(answer) => {
                    if episode.recovered() {
                        tracing::info!("{server} is available");
                    }
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            let waited = clock.now().saturating_sub(begun);
            let Some(left) = self.left(waited).filter(|_| self.may_mend(&failure)) else { return Err(failure) };
            let wait = waits.next().unwrap_or_default().min(left);
            if (self.readiness.is_some() || waited >= QUIET_FOR) && episode.failed(waited, &failure) {
                tracing::warn!("waiting for {server}: {failure}; retrying {}, {}", soon(wait), self.limit_text(left));
                if let Some(readiness) = &self.readiness {
                    readiness.waits(&failure);
                }
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Returns the time left to wait; `None` if the limit is over.
    fn left(&self, waited: Duration) -> Option<Duration> {
        match self.limit {
            WaitLimit::Forever => Some(Duration::MAX),
            WaitLimit::AtMost(limit) => limit.checked_sub(waited).filter(|left| !left.is_zero()),
        }
    }

    /// True if waiting may resolve the failure. A one-shot command does not wait for a missing schema: an operator may have to install it.
    fn may_mend(&self, failure: &Failure) -> bool {
        let is_missing = matches!(failure, Failure::Store(StoreError::NotInstalled { .. }));
        failure.class() != ErrorClass::Permanent && !(is_missing && self.limit != WaitLimit::Forever)
    }

    fn limit_text(&self, left: Duration) -> String {
        match self.limit {
            WaitLimit::Forever => "without a limit".to_owned(),
            WaitLimit::AtMost(_) => format!("for at most {:.0} s", left.as_secs_f64()),
        }
    }
}

/// Returns the waits between attempts: exponential back-off with jitter.
fn waits() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn long_running() -> (ServerWait, Readiness) {
        let readiness = Readiness::new(Arc::new(TokioClock::start()), "tick");
        (ServerWait::forever(readiness.clone()), readiness)
    }

    fn unavailable(why: &'static str) -> Failure {
        StoreError::Unavailable { during: "probe", source: why.into() }.into()
    }

    #[tokio::test(start_paused = true)]
    async fn an_unavailable_server_is_waited_for() {
        let calls = AtomicU32::new(0);
        let (wait, readiness) = long_running();
        let answer = wait.until_ready("Postgres", async || match calls.fetch_add(1, Ordering::Relaxed) {
            call if call < 20 => Err(unavailable("connection refused")),
            call => Ok(call),
        });
        assert_eq!(answer.await.unwrap(), 20);
        assert_eq!(readiness.check().unwrap_err(), "no tick yet: probe: the store is unavailable: connection refused");
    }

    #[tokio::test(start_paused = true)]
    async fn readiness_shows_the_last_reason() {
        let calls = AtomicU32::new(0);
        let (wait, readiness) = long_running();
        let answer = wait.until_ready("Postgres", async || match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Err(unavailable("connection refused")),
            1..3 => Err(unavailable("invalid peer certificate")),
            _ => Ok(()),
        });
        answer.await.unwrap();
        assert!(readiness.check().unwrap_err().ends_with("invalid peer certificate"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_refuses_is_not_waited_for() {
        let denied = || StoreError::Denied { during: "probe", source: "wrong password".into() };
        let refused: Result<(), _> = long_running().0.until_ready("Postgres", async || Err(denied().into())).await;
        assert_eq!(refused.unwrap_err().code(), 64);
    }

    #[tokio::test(start_paused = true)]
    async fn a_one_shot_command_waits_up_to_its_limit() {
        let clock = TokioClock::start();
        let wait = ServerWait::at_most(WaitLimit::AtMost(Duration::from_secs(60)));
        let ended: Result<(), _> = wait.until_ready("Postgres", async || Err(unavailable("connection refused"))).await;
        assert_eq!((ended.unwrap_err().code(), clock.now().as_secs()), (69, 60));
        let missing = || StoreError::NotInstalled { during: "probe", source: "schema scaler is missing".into() };
        let ended: Result<(), _> = wait.until_ready("Postgres", async || Err(missing().into())).await;
        assert_eq!((ended.unwrap_err().code(), clock.now().as_secs()), (64, 60), "at once");
        let calls = AtomicU32::new(0);
        let once: Result<(), _> = ServerWait::at_most(WaitLimit::AtMost(Duration::ZERO))
            .until_ready("Postgres", async || {
                calls.fetch_add(1, Ordering::Relaxed);
                Err(unavailable("connection refused"))
            })
            .await;
        assert_eq!((once.unwrap_err().code(), calls.into_inner()), (69, 1));
    }
}
