//! State of a server: whether it answers, since when, and the age of its last answer.

use std::fmt::Display;
use std::time::Duration;

use super::{Server, Timestamp};

/// Maximum length of an error in a view, in characters.
const MOST_ERROR: usize = 300;

/// State of a server, as the control plane sees it.
#[derive(Clone, Debug)]
pub(super) struct ServerState {
    name: String,
    error: Option<String>,
    since: Duration,
    answered_at: Duration,
}

impl ServerState {
    /// Returns a server that is taken to answer since `now`.
    pub(super) const fn new(name: String, now: Duration) -> Self {
        Self { name, error: None, since: now, answered_at: now }
    }

    /// Records an answer.
    pub(super) fn answered(&mut self, now: Duration) {
        if self.error.take().is_some() {
            self.since = now;
        }
        self.answered_at = now;
    }

    /// Records a failed call.
    pub(super) fn failed(&mut self, now: Duration, error: &dyn Display) {
        if self.error.is_none() {
            self.since = now;
        }
        self.error = Some(error.to_string().chars().take(MOST_ERROR).collect());
    }

    /// Returns the error of the last failed call and the time since which calls fail; `None` if the server answers.
    pub(super) fn failure(&self) -> Option<(&str, Duration)> {
        self.error.as_deref().map(|error| (error, self.since))
    }

    /// Returns the state as it is shown.
    pub(super) fn shown(&self, now: Duration) -> Server {
        Server {
            name: self.name.clone(),
            ok: self.error.is_none(),
            error: self.error.clone(),
            since: Timestamp::of(self.since),
            age_ms: crate::text::millis(now.saturating_sub(self.answered_at)),
        }
    }
}
