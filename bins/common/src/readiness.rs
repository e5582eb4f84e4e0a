//! Readiness of a program: it did its work recently, and expects to go on.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scaler_core::Clock;

/// Maximum age of the last work of a program that is ready.
const FRESH: Duration = Duration::from_secs(5);

/// Readiness of a program. Cheap to clone; clones share the same state.
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
    /// Reason why no work is done; `None` if it is not known.
    reason: Option<String>,
    /// Reason why the program has no work although it should have some.
    idle: Option<String>,
    /// Reason why all writes of the program are refused.
    barred: Option<String>,
    /// Part of the work that fails while the rest is done.
    shortfall: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    Stays,
    Retires,
    Leaves,
}

impl Readiness {
    /// Returns the readiness of a program that has done no work yet. `work` is the word for a unit of work, such as `tick`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, work: &'static str) -> Self {
        let state = State { worked_at: None, intent: Intent::Stays, reason: None, idle: None, barred: None, shortfall: None };
        Self { clock, work, state: Arc::new(Mutex::new(state)) }
    }

    /// Returns the clock that measures the age of the last work.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Records that work was done now.
    pub fn worked(&self) {
        let at = self.clock.now();
        self.change(|state| {
            state.worked_at = Some(at);
            state.reason = None;
        });
    }

    /// Records the error that the program waits to recover from, until work is done again.
    pub fn waits(&self, reason: &dyn Error) {
        let reason = reason.to_string();
        self.change(|state| state.reason = Some(reason));
    }

    /// Records the reason why the program has no work although it should have some; `None` when that is over.
    pub fn idle(&self, why: Option<String>) {
        self.change(|state| state.idle = why);
    }

    /// Records the reason why all writes of the program are refused; `None` when that is over.
    pub fn barred(&self, why: Option<String>) {
        self.change(|state| state.barred = why);
    }

    /// Records the part of the work that fails while the rest is done, with the reason; `None` when that is over.
    pub fn falls_short(&self, why: Option<String>) {
        self.change(|state| state.shortfall = why);
    }

    /// Part of the work that fails while the rest is done.
    #[must_use]
    pub fn shortfall(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).shortfall.clone()
    }

    /// Records that the program retires: it wants no more work for now.
    pub fn retiring(&self) {
        self.intends(Intent::Retires);
    }

    /// Records that a retired program is reinstated: it wants work again.
    pub fn reinstated(&self) {
        self.intends(Intent::Stays);
    }

    /// Records that the program leaves: it wants no more work, ever.
    pub fn leaving(&self) {
        self.intends(Intent::Leaves);
    }

    /// Returns `Ok` if the program is ready.
    ///
    /// # Errors
    /// The reason why the program is not ready, in one line.
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

    /// Sets the intent, unless the program already leaves, which is final.
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
    async fn a_program_is_ready_if_it_worked_recently_and_does_not_leave() {
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
