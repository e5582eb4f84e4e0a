//! The connection from one process to a server: it delays, loses and doubles calls, can be cut, and stands still with its process.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scaler_core::Clock;

use crate::chance::Chance;

/// Time limit of a call without an answer.
const TIME_LIMIT: Duration = Duration::from_millis(900);

#[derive(Debug)]
pub(crate) struct Link {
    chance: Arc<Chance>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    cut_until: Duration,
    paused_until: Duration,
    stormy_until: Duration,
}

/// Outcome of a call without an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// It never arrived.
    Request,
    /// It was carried out, and the answer was lost.
    Reply,
}

impl Link {
    pub(crate) fn new(chance: Arc<Chance>, clock: Arc<dyn Clock>) -> Self {
        Self { chance, clock, state: Mutex::default() }
    }

    pub(crate) fn cut(&self, time: Duration) {
        self.state.lock().unwrap().cut_until = self.clock.now() + time;
    }

    pub(crate) fn pause(&self, time: Duration) {
        self.state.lock().unwrap().paused_until = self.clock.now() + time;
    }

    pub(crate) fn storm(&self, time: Duration) {
        self.state.lock().unwrap().stormy_until = self.clock.now() + time;
    }

    pub(crate) fn heal(&self) {
        *self.state.lock().unwrap() = State::default();
    }

    /// Carries a call there and its answer back.
    pub(crate) async fn carry<T, F: Future<Output = T>>(&self, call: impl Fn() -> F) -> Result<T, Lost> {
        self.stand_still().await;
        self.travel().await;
        if self.loses() {
            tokio::time::sleep(TIME_LIMIT).await;
            return Err(Lost::Request);
        }
        let answer = call().await;
        if self.is_stormy() && self.chance.percent(10) {
            self.travel().await;
            call().await;
        }
        self.travel().await;
        let lost = self.loses();
        self.stand_still().await;
        if lost {
            tokio::time::sleep(TIME_LIMIT).await;
            return Err(Lost::Reply);
        }
        Ok(answer)
    }

    async fn stand_still(&self) {
        loop {
            let until = self.state.lock().unwrap().paused_until;
            match until.checked_sub(self.clock.now()) {
                Some(rest) if !rest.is_zero() => tokio::time::sleep(rest).await,
                _ => return,
            }
        }
    }

    async fn travel(&self) {
        let longest = if self.is_stormy() { Duration::from_millis(400) } else { Duration::from_millis(3) };
        tokio::time::sleep(self.chance.up_to(longest)).await;
    }

    fn loses(&self) -> bool {
        self.is_cut() || (self.is_stormy() && self.chance.percent(15))
    }

    /// True if the link is cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.clock.now() < self.state.lock().unwrap().cut_until
    }

    fn is_stormy(&self) -> bool {
        self.clock.now() < self.state.lock().unwrap().stormy_until
    }
}
