//! [`RedundantMembership`]: one membership over two paths, either of which may fail.

mod error;
mod merge;
mod path;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use crate::{
    Clock, InstallationId, Member, MemberKey, MemberRecord, MemberState, Membership, MembershipError, Registration, WakeUp,
    WorkerId,
};

use error::both_failed;
use merge::{Listing, merged, started_before};
pub use path::PathEvent;
use path::{Observe, Path};

/// Time for which a call that one path has answered waits for the other path. A path that takes longer is not waited for until it answers in
/// time again.
const GRACE: Duration = Duration::from_millis(300);

/// A [`Membership`] made of two, such as one on Redis and one on Postgres: a call succeeds if either path does it.
///
/// Both paths get every call. A path that fails is not waited for any more. Later calls are repeated on it in the background, after 1 s, 2 s and
/// so on up to 8 s, until one succeeds; then it is used as before. If both are away, every call waits for both.
///
/// Rules for merging the answers of the two paths:
///
/// - *Heartbeat*: [`Superseded`](Registration::Superseded) if both paths say so, or if one does and its holder of the name started later. If that
///   holder started earlier, the path has missed that this incarnation took the name, so it joins again there. Otherwise
///   [`Retiring`](Registration::Retiring) if any path says so.
/// - *Members*: the union of both lists.
///   - If both paths list an incarnation, the record with the smaller age counts. Of two incarnations with one name, the one that started later
///     counts.
///   - While a path is away, its last records are kept and grow older. Records of members that leave by the other path are removed.
///   - After a path has recovered, a record from before its recovery is ignored unless the other path, which worked all the time, lists the
///     member, too: the member may have left meanwhile.
///   - Records that are older than the limit of the last [`sweep`](Membership::sweep) are ignored.
/// - *Retired names*: the union. A client whose [`retire`](Membership::retire) reached only one path copies the names of that path to the other
///   one as soon as it is back. If the client ends before that, the older names hold, too, until the next call: that costs moves and nothing else.
/// - *Wake-up notifications*: those of both paths, so most arrive twice.
#[derive(Debug)]
pub struct RedundantMembership {
    paths: [Arc<Path>; 2],
    clock: Arc<dyn Clock>,
    lists: Mutex<Lists>,
    /// Paths, by their place, that may have missed the retired names of these installations. The lock is held while names are written.
    owed: tokio::sync::Mutex<BTreeSet<(usize, InstallationId)>>,
}

/// Last lists of both paths.
#[derive(Debug)]
struct Lists {
    each: [Listing; 2],
    /// Age of the last sweep.
    swept_after: Duration,
}

/// Successful answers of the two paths; at least one is present.
type Answers<T> = [Option<T>; 2];

impl RedundantMembership {
    /// Returns a membership over two paths with these names, which appear in errors and events. Neither is called yet.
    ///
    /// `observe` is told when a path fails and when it is back, once each. It must not block.
    pub fn new(
        [first, second]: [(&'static str, Arc<dyn Membership>); 2],
        clock: Arc<dyn Clock>,
        observe: impl Fn(PathEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        let observe: Observe = Arc::new(observe);
        let path = |(name, membership)| Arc::new(Path::new(name, membership, Arc::clone(&observe), Arc::clone(&clock)));
        let lists = Lists { each: Default::default(), swept_after: Duration::MAX };
        Self { paths: [path(first), path(second)], clock, lists: Mutex::new(lists), owed: Default::default() }
    }

    /// Calls both paths, and returns the answers of those that succeed. Once one has succeeded, the other one gets [`GRACE`].
    async fn both<T, F>(
        &self,
        during: &'static str,
        call: impl Fn(Arc<dyn Membership>) -> F,
    ) -> Result<Answers<T>, MembershipError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, MembershipError>> + Send + 'static,
    {
        let mut answers = [None, None];
        let mut errors = [None, None];
        let mut pending = FuturesUnordered::new();
        let are_waited_for = self.paths.each_ref().map(|path| path.is_waited_for());
        let neither = are_waited_for == [false; 2];
        for (place, path) in self.paths.iter().enumerate() {
            if neither || are_waited_for[place] {
                pending.push(path.answer(place, &call));
            } else if path.may_be_tried() {
                // The call goes on in the background; its answer is not waited for.
                drop(path.answer(place, &call));
            }
        }
        loop {
            let has_answer = answers.iter().any(Option::is_some);
            let next = if has_answer { timeout(GRACE, pending.next()).await } else { Ok(pending.next().await) };
            match next {
                Ok(Some((place, Ok(answer)))) => answers[place] = Some(answer),
                Ok(Some((place, Err(error)))) => {
                    errors[place] = Some(error);
                    let other = 1 - place;
                    if pending.is_empty() && answers[other].is_none() && errors[other].is_none() {
                        // It was not waited for until now, but is all that is left.
                        pending.push(self.paths[other].answer(other, &call));
                    }
                }
                Ok(None) => break,
                Err(_) => {
                    let late = self.paths.iter().zip(&answers).filter(|(path, answer)| answer.is_none() && path.is_waited_for());
                    late.for_each(|(path, _)| path.mark_late());
                    break;
                }
            }
        }
        match errors {
            [Some(first), Some(second)] => Err(both_failed(during, self.paths.each_ref().map(|path| path.name), [first, second])),
            _ => Ok(answers),
        }
    }

    /// Decides which is right if one path says that this member is superseded and the other one that it is not.
    async fn settle(&self, disputing: usize, member: &Member, agreed: Registration) -> Registration {
        let path = &self.paths[disputing];
        let is_holder = |record: &MemberRecord| {
            record.member.key.worker == member.key.worker && record.member.installation == member.installation
        };
        let found = path.answer(disputing, |membership| async move { membership.members().await }).await.1;
        // If it does not say who holds the name, the next heartbeat asks again.
        let Ok(listed) = found else { return agreed };
        match listed.iter().find(|record| is_holder(record)) {
            Some(holder) if started_before(holder, member) => {
                let joining = Member { state: MemberState::Joining, ..member.clone() };
                let join = |membership: Arc<dyn Membership>| {
                    let joining = joining.clone();
                    async move { membership.heartbeat(&joining).await }
                };
                let joined = path.answer(disputing, join).await.1;
                if matches!(joined, Ok(Registration::Superseded)) { Registration::Superseded } else { agreed }
            }
            Some(_) | None => Registration::Superseded,
        }
    }

    /// Copies the retired names of one path to the other one, which was away when they were written.
    async fn repay(&self) {
        // If the lock is held, another call is writing the names already.
        let Ok(mut owed) = self.owed.try_lock() else { return };
        for (debtor, installation) in owed.clone() {
            let read = move |membership: Arc<dyn Membership>| async move { membership.retired(installation).await };
            let Ok(names) = self.paths[1 - debtor].answer(debtor, read).await.1 else { continue };
            let write = |membership: Arc<dyn Membership>| {
                let names = names.clone();
                async move { membership.retire(installation, &names).await }
            };
            if self.paths[debtor].answer(debtor, write).await.1.is_ok() {
                owed.remove(&(debtor, installation));
            }
        }
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        // A panic cannot leave the lists half written: each is replaced as a whole.
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Membership for RedundantMembership {
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError> {
        let answers = self
            .both("sending a heartbeat", |membership| {
                let member = member.clone();
                async move { membership.heartbeat(&member).await }
            })
            .await?;
        match answers {
            [Some(Registration::Superseded), Some(agreed)] if agreed != Registration::Superseded => {
                Ok(self.settle(0, member, agreed).await)
            }
            [Some(agreed), Some(Registration::Superseded)] if agreed != Registration::Superseded => {
                Ok(self.settle(1, member, agreed).await)
            }
            answers if answers.contains(&Some(Registration::Superseded)) => Ok(Registration::Superseded),
            answers if answers.contains(&Some(Registration::Retiring)) => Ok(Registration::Retiring),
            _ => Ok(Registration::Current),
        }
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        let left = self.both("leaving", |membership| {
            let member = member.clone();
            async move { membership.leave(&member).await }
        });
        left.await.map(drop)
    }

    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError> {
        let answers = self.both("listing the members", |membership| async move { membership.members().await }).await?;
        if answers.iter().all(Option::is_some) {
            self.repay().await;
        }
        let now = self.clock.now();
        let mut lists = self.lists();
        let Lists { each, swept_after } = &mut *lists;
        for ((listing, path), answer) in each.iter_mut().zip(&self.paths).zip(answers) {
            listing.learn(answer, now, path.works_since());
        }
        Ok(merged(each, now, *swept_after))
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        self.lists().swept_after = older_than;
        let swept = self.both("sweeping", move |membership| async move { membership.sweep(older_than).await }).await?;
        if swept[0] == swept[1] {
            return Ok(swept.into_iter().flatten().next().unwrap_or_default());
        }
        // A path that was away sweeps members that the other one has heard since.
        let mut names: BTreeSet<WorkerId> = swept.into_iter().flatten().flatten().collect();
        if !names.is_empty() {
            for record in self.members().await? {
                names.remove(&record.member.key.worker);
            }
        }
        Ok(names.into_iter().collect())
    }

    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        let mut owed = self.owed.lock().await;
        let confirmed = self
            .both("retiring workers", |membership| {
                let workers = workers.clone();
                async move { membership.retire(installation, &workers).await }
            })
            .await?;
        for (place, confirmed) in confirmed.iter().enumerate() {
            match confirmed {
                Some(()) => owed.remove(&(place, installation)),
                None => owed.insert((place, installation)),
            };
        }
        Ok(())
    }

    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError> {
        let retired =
            self.both("listing the retired", move |membership| async move { membership.retired(installation).await }).await?;
        Ok(retired.into_iter().flatten().flatten().collect())
    }

    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError> {
        let sent = self.both("sending a wake-up notification", |membership| {
            let wake_up = wake_up.clone();
            async move { membership.wake_up(&wake_up).await }
        });
        sent.await.map(drop)
    }

    fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        let [first, second] = self.paths.each_ref().map(|path| path.wake_ups());
        stream::select(first, second).boxed()
    }
}
