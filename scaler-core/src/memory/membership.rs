//! In-memory membership of one process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    Clock, Incarnation, InstallationId, Member, MemberKey, MemberRecord, MemberState, Membership, MembershipError, Registration,
    WakeUp, WorkerId,
};

/// Capacity of the notification channel: a listener that falls further behind receives [`WakeUp::Everyone`].
const WAKE_UPS_KEPT: usize = 64;

/// The reference [`Membership`]: shared with no other process, and it never fails.
#[derive(Debug)]
pub struct MemoryMembership {
    clock: Arc<dyn Clock>,
    book: Mutex<Book>,
    wake_ups: broadcast::Sender<WakeUp>,
}

impl MemoryMembership {
    /// Creates an empty membership that computes ages by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, book: Mutex::default(), wake_ups: broadcast::Sender::new(WAKE_UPS_KEPT) }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic cannot leave the book half written: each change to it is a single insertion or removal.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self, wake_up: WakeUp) {
        // There may be no listeners.
        drop(self.wake_ups.send(wake_up));
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Membership for MemoryMembership {
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError> {
        let (registration, change) = self.book().heartbeat(member, self.clock.now());
        if change == Change::News {
            self.notify(WakeUp::Members);
        }
        Ok(registration)
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        if self.book().leave(member) == Change::News {
            self.notify(WakeUp::Members);
        }
        Ok(())
    }

    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError> {
        let now = self.clock.now();
        let record = |entry: &Entry| MemberRecord { member: entry.member.clone(), age: now.saturating_sub(entry.seen) };
        Ok(self.book().entries.values().map(record).collect())
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        let now = self.clock.now();
        Ok(self.book().sweep(|seen| now.saturating_sub(seen) > older_than))
    }

    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        self.book().retired.insert(installation, workers.clone());
        Ok(())
    }

    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError> {
        Ok(self.book().retired.get(&installation).cloned().unwrap_or_default())
    }

    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError> {
        self.notify(wake_up.clone());
        Ok(())
    }

    fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        let next = |mut wake_ups: broadcast::Receiver<WakeUp>| async {
            match wake_ups.recv().await {
                Ok(wake_up) => Some((wake_up, wake_ups)),
                Err(RecvError::Lagged(_)) => Some((WakeUp::Everyone, wake_ups)),
                Err(RecvError::Closed) => None,
            }
        };
        stream::unfold(self.wake_ups.subscribe(), next).boxed()
    }
}

/// State of the membership.
#[derive(Debug, Default)]
struct Book {
    entries: BTreeMap<(WorkerId, InstallationId), Entry>,
    /// Incarnations that lost their name, and when they did.
    superseded: BTreeMap<Incarnation, Duration>,
    retired: BTreeMap<InstallationId, BTreeSet<WorkerId>>,
}

#[derive(Debug)]
struct Entry {
    member: Member,
    seen: Duration,
}

/// Effect of a call on the member list: listeners are notified of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    News,
    Nothing,
}

impl Book {
    fn heartbeat(&mut self, member: &Member, now: Duration) -> (Registration, Change) {
        let MemberKey { worker, incarnation } = &member.key;
        let name = (worker.clone(), member.installation);
        if self.superseded.contains_key(incarnation) {
            return (Registration::Superseded, Change::Nothing);
        }
        let change = match self.entries.get(&name).map(|entry| &entry.member) {
            Some(holder) if holder.key.incarnation != *incarnation => {
                if member.state != MemberState::Joining {
                    return (Registration::Superseded, Change::Nothing);
                }
                self.superseded.insert(holder.key.incarnation, now);
                Change::News
            }
            Some(holder) if holder.state == member.state => Change::Nothing,
            Some(_) | None => Change::News,
        };
        self.entries.insert(name, Entry { member: member.clone(), seen: now });
        let is_retired = self.retired.get(&member.installation).is_some_and(|retired| retired.contains(worker));
        let registration = if is_retired { Registration::Retiring } else { Registration::Current };
        (registration, change)
    }

    fn leave(&mut self, key: &MemberKey) -> Change {
        let left = self.entries.extract_if(.., |_, entry| entry.member.key == *key).count();
        if left > 0 { Change::News } else { Change::Nothing }
    }

    fn sweep(&mut self, is_old: impl Fn(Duration) -> bool) -> Vec<WorkerId> {
        self.superseded.retain(|_, since| !is_old(*since));
        self.entries.extract_if(.., |_, entry| is_old(entry.seen)).map(|((worker, _), _)| worker).collect()
    }
}
