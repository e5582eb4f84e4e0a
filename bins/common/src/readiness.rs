//! Whether a program does its work just now.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scaler_core::Clock;

/// Work that was done longer ago than this is not being done now.
const FRESH: Duration = Duration::from_secs(5);

/// Whether a program does its work just now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Readiness {
    clock: Arc<dyn Clock>,
    work: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Debug)]
struct State {
    worked_at: Option<Duration>,
    intent: Intent,
    /// Why no work is done, as far as it is known.
    reason: Option<String>,
    /// Why there is no work for it, although there should be.
    idle: Option<String>,
    /// Why nothing that it does is let through.
    barred: Option<String>,
    /// What of its work is not done, while the rest is.
    shortfall: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    Stays,
    Retires,
    Leaves,
}

impl Readiness {
    /// Nothing is done yet. `work` is the word for a piece of it, such as `tick`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, work: &'static str) -> Self {
        let state = State { worked_at: None, intent: Intent::Stays, reason: None, idle: None, barred: None, shortfall: None };
        Self { clock, work, state: Arc::new(Mutex::new(state)) }
    }

    /// The clock by which it judges.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// A piece of work was done now.
    pub fn worked(&self) {
        let at = self.clock.now();
        self.change(|state| {
            state.worked_at = Some(at);
            state.reason = None;
        });
    }

    /// Work waits for this, until some is done.
    pub fn waits(&self, reason: &dyn Error) {
        let reason = reason.to_string();
        self.change(|state| state.reason = Some(reason));
    }

    /// There is no work for it, for this reason, although there should be; `None` when that is over.
    pub fn idle(&self, why: Option<String>) {
        self.change(|state| state.idle = why);
    }

    /// Nothing that it does is let through, for this reason; `None` when that is over.
    pub fn barred(&self, why: Option<String>) {
        self.change(|state| state.barred = why);
    }

    /// Some of the work is not done, for this reason, and the rest is; `None` when that is over.
    pub fn falls_short(&self, why: Option<String>) {
        self.change(|state| state.shortfall = why);
    }

    /// What of its work is not done, while the rest is.
    #[must_use]
    pub fn shortfall(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).shortfall.clone()
    }

    /// No more work shall come for now.
    pub fn retiring(&self) {
        self.intends(Intent::Retires);
    }

    /// Work may come again.
    pub fn reinstated(&self) {
        self.intends(Intent::Stays);
    }

    /// No more work shall come, ever.
    pub fn leaving(&self) {
        self.intends(Intent::Leaves);
    }

    /// Whether it is ready.
    ///
    /// # Errors
    /// Why it is not, in one line.
    pub fn check(&self) -> Result<(), String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reason = state.reason.map_or(String::new(), |reason| format!(": {reason}"));
        match (state.intent, state.worked_at) {
            (Intent::Leaves, _) => Err("draining".to_owned()),
            (Intent::Retires, _) => Err("retiring".to_owned()),
            (Intent::Stays, None) => Err(format!("no {} yet{reason}", self.work)),
            (Intent::Stays, Some(at)) => match self.clock.now().saturating_sub(at) {
                age if age <= FRESH => state.barred.or(state.idle).map_or(Ok(()), Err),
                age => Err(format!("the last {} was {:.1} s ago{reason}", self.work, age.as_secs_f64())),
            },
        }
    }

    /// Who leaves does not change its mind.
    fn intends(&self, intent: Intent) {
        self.change(|state| {
            if state.intent != Intent::Leaves {
                state.intent = intent;
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use scaler_core::TokioClock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ready_is_who_worked_lately_and_stays() {
        let readiness = Readiness::new(Arc::new(TokioClock::start()), "tick");
        assert_eq!(readiness.check(), Err("no tick yet".to_owned()));
        readiness.worked();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(readiness.check(), Ok(()));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(readiness.check(), Err("the last tick was 7.0 s ago".to_owned()));
        readiness.waits(&std::fmt::Error);
        let told = readiness.check().unwrap_err();
        assert!(told.starts_with("the last tick was 7.0 s ago: an error"), "{told}");
        readiness.worked();
        assert_eq!(readiness.check(), Ok(()));
        readiness.retiring();
        readiness.worked();
        assert_eq!(readiness.check(), Err("retiring".to_owned()));
        readiness.reinstated();
        assert_eq!(readiness.check(), Ok(()));
        readiness.leaving();
        readiness.worked();
        readiness.reinstated();
        assert_eq!(readiness.check(), Err("draining".to_owned()));
    }
}
