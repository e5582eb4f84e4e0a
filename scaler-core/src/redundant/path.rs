//! One path of a redundant membership, and whether it is waited for.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::FutureExt;

use super::GRACE;
use crate::{Clock, Membership, MembershipError, WakeUp};

/// Wait after the first failure; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Change of one path of a redundant membership.
#[derive(Debug)]
#[non_exhaustive]
pub enum PathEvent<'a> {
    /// The path has failed; the membership goes on through the other one.
    Failed {
        /// Name of the path.
        path: &'static str,
        /// Reason.
        error: &'a MembershipError,
    },
    /// The path works again.
    Recovered {
        /// Name of the path.
        path: &'static str,
    },
}

pub(super) type Observe = Arc<dyn Fn(PathEvent<'_>) + Send + Sync>;

/// One path, and whether it is waited for.
pub(super) struct Path {
    pub(super) name: &'static str,
    membership: Arc<dyn Membership>,
    observe: Observe,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    /// Time since which it works; `None` while it is away. [`Duration::ZERO`] at the start.
    works_since: Option<Duration>,
    /// True if its last answer took longer than [`GRACE`], or a call that is under way does.
    is_late: bool,
    calls_under_way: u32,
    retry_at: Duration,
    wait: Duration,
}

impl Path {
    pub(super) fn new(name: &'static str, membership: Arc<dyn Membership>, observe: Observe, clock: Arc<dyn Clock>) -> Self {
        let (works_since, retry_at) = (Some(Duration::ZERO), Duration::ZERO);
        let state = State { works_since, is_late: false, calls_under_way: 0, retry_at, wait: FIRST_WAIT };
        Self { name, membership, observe, clock, state: Mutex::new(state) }
    }

    pub(super) fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        self.membership.wake_ups()
    }

    /// Returns the time since which the path works; `None` while it is away.
    pub(super) fn works_since(&self) -> Option<Duration> {
        self.state().works_since
    }

    /// True if calls wait for its answer.
    pub(super) fn is_waited_for(&self) -> bool {
        let state = self.state();
        state.works_since.is_some() && !state.is_late
    }

    /// True if a call may be tried in the background: none is under way, and the wait after the last failure is over.
    pub(super) fn may_be_tried(&self) -> bool {
        let state = self.state();
        state.calls_under_way == 0 && (state.works_since.is_some() || self.clock.now() >= state.retry_at)
    }

    /// Makes calls wait no longer for this path until it answers in time again.
    pub(super) fn mark_late(&self) {
        self.state().is_late = true;
    }

    /// Starts a call, which goes on if the future is dropped. Returns its answer, with `place`.
    pub(super) fn answer<T, F>(
        self: &Arc<Self>,
        place: usize,
        call: impl Fn(Arc<dyn Membership>) -> F,
    ) -> BoxFuture<'static, (usize, Result<T, MembershipError>)>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, MembershipError>> + Send + 'static,
    {
        let begun = self.clock.now();
        self.state().calls_under_way += 1;
        let (path, call) = (Arc::clone(self), call(Arc::clone(&self.membership)));
        let task = tokio::spawn(async move {
            let answer = call.await;
            path.learn(&answer, begun);
            answer
        });
        let ended = |source| MembershipError::Unanswered { during: "calling a path of the membership", source: Box::new(source) };
        async move { (place, task.await.unwrap_or_else(|error| Err(ended(error)))) }.boxed()
    }

    fn learn<T>(&self, answer: &Result<T, MembershipError>, begun: Duration) {
        let now = self.clock.now();
        let event = {
            let mut state = self.state();
            state.calls_under_way -= 1;
            match answer {
                Ok(_) => {
                    state.is_late = now.saturating_sub(begun) > GRACE;
                    state.wait = FIRST_WAIT;
                    let was_away = state.works_since.is_none();
                    state.works_since.get_or_insert(now);
                    was_away.then_some(PathEvent::Recovered { path: self.name })
                }
                Err(error) => {
                    state.retry_at = now + state.wait;
                    state.wait = (state.wait * 2).min(LONGEST_WAIT);
                    state.works_since.take().map(|_| PathEvent::Failed { path: self.name, error })
                }
            }
        };
        if let Some(event) = event {
            (self.observe)(event);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the state half written: its fields are independent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, membership, .. } = self;
        f.debug_struct("Path").field("name", name).field("membership", membership).finish_non_exhaustive()
    }
}
