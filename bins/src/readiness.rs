//! Whether a program does its work just now.

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

#[derive(Clone, Copy, Debug)]
enum State {
    Starting,
    Worked { at: Duration },
    Leaving,
}

impl Readiness {
    /// Nothing is done yet. `work` is the word for a piece of it, such as `tick`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, work: &'static str) -> Self {
        Self { clock, work, state: Arc::new(Mutex::new(State::Starting)) }
    }

    /// A piece of work was done now.
    pub fn worked(&self) {
        let at = self.clock.now();
        self.change(|state| if matches!(state, State::Leaving) { state } else { State::Worked { at } });
    }

    /// No more work shall come.
    pub fn leaving(&self) {
        self.change(|_| State::Leaving);
    }

    /// Whether it is ready.
    ///
    /// # Errors
    /// Why it is not, in one line.
    pub fn check(&self) -> Result<(), String> {
        let state = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state {
            State::Starting => Err(format!("no {} yet", self.work)),
            State::Leaving => Err("draining".to_owned()),
            State::Worked { at } => match self.clock.now().saturating_sub(at) {
                age if age <= FRESH => Ok(()),
                age => Err(format!("the last {} was {:.1} s ago", self.work, age.as_secs_f64())),
            },
        }
    }

    fn change(&self, to: impl FnOnce(State) -> State) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = to(*state);
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
        readiness.worked();
        assert_eq!(readiness.check(), Ok(()));
        readiness.leaving();
        readiness.worked();
        assert_eq!(readiness.check(), Err("draining".to_owned()));
    }
}
