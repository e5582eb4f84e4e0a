//! Who is there, in the memory of one process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{Clock, Incarnation, Member, MemberKey, MemberState, Membership, MembershipError, Sighting, Standing, WorkerId};

/// One nudge says as much as many: a listener that falls behind misses nothing.
const NUDGES_KEPT: usize = 1;

/// The reference [`Membership`]: it shares nothing with other processes, and never fails.
#[derive(Debug)]
pub struct MemoryMembership {
    clock: Arc<dyn Clock>,
    book: Mutex<Book>,
    nudges: broadcast::Sender<()>,
}

impl MemoryMembership {
    /// An empty membership that tells ages by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, book: Mutex::default(), nudges: broadcast::Sender::new(NUDGES_KEPT) }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic cannot leave the book half written: each change to it is a single insertion or removal.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_all(&self) {
        // Nobody has to listen.
        drop(self.nudges.send(()));
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Membership for MemoryMembership {
    async fn heartbeat(&self, member: &Member) -> Result<Standing, MembershipError> {
        let (standing, change) = self.book().heartbeat(member, self.clock.now());
        if change == Change::News {
            self.tell_all();
        }
        Ok(standing)
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        if self.book().leave(member) == Change::News {
            self.tell_all();
        }
        Ok(())
    }

    async fn members(&self) -> Result<Vec<Sighting>, MembershipError> {
        let now = self.clock.now();
        let sighting = |entry: &Entry| Sighting { member: entry.member.clone(), age: now.saturating_sub(entry.seen) };
        Ok(self.book().entries.values().map(sighting).collect())
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        let now = self.clock.now();
        Ok(self.book().sweep(|seen| now.saturating_sub(seen) > older_than))
    }

    async fn retire(&self, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        workers.clone_into(&mut self.book().retired);
        Ok(())
    }

    async fn retired(&self) -> Result<BTreeSet<WorkerId>, MembershipError> {
        Ok(self.book().retired.clone())
    }

    async fn nudge(&self) -> Result<(), MembershipError> {
        self.tell_all();
        Ok(())
    }

    fn nudges(&self) -> BoxStream<'static, ()> {
        let next = |mut nudges: broadcast::Receiver<()>| async {
            match nudges.recv().await {
                Ok(()) | Err(RecvError::Lagged(_)) => Some(((), nudges)),
                Err(RecvError::Closed) => None,
            }
        };
        stream::unfold(self.nudges.subscribe(), next).boxed()
    }
}

/// All that the membership remembers.
#[derive(Debug, Default)]
struct Book {
    entries: BTreeMap<WorkerId, Entry>,
    /// Incarnations that lost their name, and when.
    superseded: BTreeMap<Incarnation, Duration>,
    retired: BTreeSet<WorkerId>,
}

#[derive(Debug)]
struct Entry {
    member: Member,
    seen: Duration,
}

/// Whether others should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    News,
    Nothing,
}

impl Book {
    fn heartbeat(&mut self, member: &Member, now: Duration) -> (Standing, Change) {
        let MemberKey { worker, incarnation } = &member.key;
        if self.superseded.contains_key(incarnation) {
            return (Standing::Superseded, Change::Nothing);
        }
        let change = match self.entries.get(worker).map(|entry| &entry.member) {
            Some(holder) if holder.key.incarnation != *incarnation => {
                if member.state != MemberState::Joining {
                    return (Standing::Superseded, Change::Nothing);
                }
                self.superseded.insert(holder.key.incarnation, now);
                Change::News
            }
            Some(holder) if holder.state == member.state => Change::Nothing,
            Some(_) | None => Change::News,
        };
        self.entries.insert(worker.clone(), Entry { member: member.clone(), seen: now });
        let standing = if self.retired.contains(worker) { Standing::Retiring } else { Standing::Current };
        (standing, change)
    }

    fn leave(&mut self, key: &MemberKey) -> Change {
        if self.entries.get(&key.worker).is_none_or(|entry| entry.member.key != *key) {
            return Change::Nothing;
        }
        self.entries.remove(&key.worker);
        Change::News
    }

    fn sweep(&mut self, is_old: impl Fn(Duration) -> bool) -> Vec<WorkerId> {
        self.superseded.retain(|_, since| !is_old(*since));
        self.entries.extract_if(.., |_, entry| is_old(entry.seen)).map(|(name, _)| name).collect()
    }
}
