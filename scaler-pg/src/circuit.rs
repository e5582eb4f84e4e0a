//! Circuit breaker: limits connection attempts to a server that is full or too slow, since each attempt costs it a process.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scaler_core::{Clock, TokioClock};

use crate::error::TOO_MANY;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Maximum wait after an attempt without answer. It is shorter, since another server may have taken over meanwhile.
const LONGEST_WAIT_WHERE_SLOW: Duration = Duration::from_millis(1500);
/// Start of pgbouncer's message when it is full. Its SQLSTATE has many other meanings.
const NO_MORE: &str = "no more connections allowed";

/// Circuit breaker that opens after each attempt that found the server full or too slow. While it is open, no session is requested.
#[derive(Debug)]
pub(crate) struct Circuit {
    clock: TokioClock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    closes_at: Option<Duration>,
}

impl Circuit {
    /// Returns a closed circuit breaker, which allows all attempts.
    pub(crate) fn new() -> Self {
        Self { clock: TokioClock::start(), state: Mutex::default() }
    }

    /// Returns the time for which the circuit stays open; `None` if it is closed.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let wait = self.state().closes_at?.saturating_sub(self.clock.now());
        (!wait.is_zero()).then_some(wait)
    }

    /// Records the answer to a request for a session.
    pub(crate) fn heed<T>(&self, answer: &Result<T, sqlx::Error>) {
        match answer {
            Err(error) if is_full(error) => self.opens_for(LONGEST_WAIT),
            Err(_) => {}
            Ok(_) => *self.state() = State::default(),
        }
    }

    /// Records an attempt that was not answered in time.
    pub(crate) fn heed_silence(&self) {
        self.opens_for(LONGEST_WAIT_WHERE_SLOW);
    }

    /// Opens the circuit. The wait doubles with each attempt, up to `longest`. Half of it is random jitter, so that clients that failed
    /// together do not retry together.
    fn opens_for(&self, longest: Duration) {
        let mut state = self.state();
        let longest = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(state.failures)).min(longest);
        state.failures = state.failures.saturating_add(1);
        state.closes_at = Some(self.clock.now() + longest.mul_f64(0.5 + fastrand::f64() / 2.0));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_full(error: &sqlx::Error) -> bool {
    let full = |said: &dyn sqlx::error::DatabaseError| {
        said.code().is_some_and(|code| code == TOO_MANY) || said.message().starts_with(NO_MORE)
    };
    error.as_database_error().is_some_and(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_circuit_stays_open_longer_each_time_until_a_connection_succeeds() {
        let circuit = Circuit::new();
        let mut waits = Vec::new();
        for _ in 0..40 {
            assert_eq!(circuit.wait(), None);
            circuit.opens_for(LONGEST_WAIT);
            let wait = circuit.wait().unwrap();
            waits.push(wait);
            tokio::time::sleep(wait).await;
        }
        assert!(waits[0] >= FIRST_WAIT / 2 && waits[0] <= FIRST_WAIT, "{waits:?}");
        assert!(waits[5..].iter().all(|wait| *wait >= LONGEST_WAIT / 2 && *wait <= LONGEST_WAIT), "{waits:?}");
        assert!(waits[5..].iter().any(|wait| *wait != waits[5]), "{waits:?}");

        circuit.opens_for(LONGEST_WAIT);
        circuit.heed(&Err::<(), _>(sqlx::Error::PoolClosed));
        assert!(circuit.wait().is_some(), "another failure says nothing of places");
        circuit.heed(&Ok(()));
        assert_eq!(circuit.wait(), None);
        circuit.opens_for(LONGEST_WAIT);
        assert!(circuit.wait().unwrap() <= FIRST_WAIT);
    }
}
