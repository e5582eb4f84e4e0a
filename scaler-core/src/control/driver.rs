//! Driver of the control plane: leads, looks, and commits.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, pending, ready};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::StreamExt;
use uuid::Uuid;

use super::census::Census;
use super::leadership::{Duty, Leadership};
use super::recorder::{Observed, Recorder};
use super::{Commit, ControlConfig, ControlEvent, ControlPlane, Decision, MemberPhase, Observation, Steering};
use crate::backoff::Backoff;
use crate::episode::Episode;
use crate::{
    Assignment, Clock, Election, Hearing, InstallationId, Member, MemberKey, MemberRecord, Membership, Outcome, RecordedWish,
    RefusalReason, SlotCount, SlotLoad, StoreError, Term, Transfer, WakeUp, WorkStore, WorkerId, uuid_hash,
};

/// Minimum rest after a look, as a multiple of the time it took; a fifth of the lease at most.
const LOOK_REST: u32 = 4;
/// Time without a look, beyond the planned rest, after which joins and losses may have gone unseen.
const BLIND_AFTER: Duration = Duration::from_secs(1);
/// Maximum wait after failures of the store.
const LONGEST_RETRY: Duration = Duration::from_secs(2);
/// Minimum time between two looks, however many wake-up notifications come.
const BREATH: Duration = Duration::from_millis(100);

/// Maximum time to append the last events.
const LAST_APPEND: Duration = Duration::from_secs(1);

/// Runs a control plane until `stop` completes; then it resigns, so that the next leader need not wait.
///
/// Dropping the future ends it at once, as a kill does. That is safe, but the next leader waits until the lease expires.
pub async fn run<S: WorkStore + Election + ?Sized + 'static>(
    config: ControlConfig,
    candidate: Uuid,
    store: Arc<S>,
    membership: Arc<dyn Membership>,
    clock: Arc<dyn Clock>,
    stop: impl Future<Output = ()> + Send,
    mut tell: impl FnMut(ControlEvent<'_>) + Send,
) {
    let observed = Arc::new(Observed::new(Arc::clone(&clock)));
    let mut recorder = Recorder::new(Arc::clone(&store), Arc::clone(&observed));
    let mut observe = |event: ControlEvent<'_>| {
        observed.observe(&event);
        tell(event);
    };
    let mut wake_ups = membership.wake_ups().filter(|wake_up| ready(!matches!(wake_up, WakeUp::Slots(_))));
    let mut driver = Driver::new(config, candidate, store, membership, clock);
    let mut stop = std::pin::pin!(stop);
    loop {
        let wait = tokio::select! {
            biased; // Fixed order, so that a simulation is reproducible.
            () = &mut stop => break,
            wait = driver.turn(&mut observe) => wait,
        };
        let rest = async {
            tokio::time::sleep(BREATH.min(wait)).await;
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait.saturating_sub(BREATH)) => {}
                Some(_) = wake_ups.next() => {}
            }
        };
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = rest => {}
            () = driver.count() => {}
            error = append(&mut recorder) => observe(ControlEvent::EventsNotAppended(error)),
        }
    }
    driver.resign(&mut observe).await;
    let _ = tokio::time::timeout(LAST_APPEND, async { while let Ok(true) = recorder.advance().await {} }).await;
}

/// Appends what waits, and returns only when a failure should be reported.
async fn append<S: WorkStore + ?Sized + 'static>(recorder: &mut Recorder<S>) -> StoreError {
    loop {
        match recorder.advance().await {
            Ok(true) => {}
            Ok(false) => pending().await,
            Err(error) => return error,
        }
    }
}

struct Driver<S: ?Sized> {
    config: ControlConfig,
    candidate: Uuid,
    membership: Arc<dyn Membership>,
    clock: Arc<dyn Clock>,
    leadership: Leadership,
    /// True if it has reported that another control plane leads.
    follows: bool,
    /// Installation that answered last.
    installation: Option<InstallationId>,
    /// Members of other installations that were reported.
    strangers: BTreeSet<MemberKey>,
    /// Time at which a fresh heartbeat was last read.
    heard_at: Option<Duration>,
    sweep_at: Duration,
    turns: u64,
    plane: ControlPlane,
    /// True if the present turn has read the slots; `looked_at` is the end of the last turn that did.
    has_looked: bool,
    looked_at: Duration,
    /// Time that it planned to rest after the last look.
    rest: Duration,
    census: Census,
    phases: BTreeMap<WorkerId, MemberPhase>,
    held: bool,
    stalled: bool,
    /// Wishes as last read in this term, and what they ask for.
    wishes: Option<Vec<RecordedWish>>,
    steering: Steering,
    /// True while planned moves are not committed.
    rebalances: bool,
    backoff: Backoff,
    store_episode: Episode,
    membership_episode: Episode,
    store: Arc<S>,
}

impl<S: WorkStore + Election + ?Sized + 'static> Driver<S> {
    fn new(
        config: ControlConfig,
        candidate: Uuid,
        store: Arc<S>,
        membership: Arc<dyn Membership>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let seed = uuid_hash(candidate, 0);
        Self {
            plane: ControlPlane::new(config.clone()),
            candidate,
            membership,
            clock,
            leadership: Leadership::new(config.lease, seed),
            follows: false,
            installation: None,
            strangers: BTreeSet::new(),
            heard_at: None,
            sweep_at: Duration::ZERO,
            turns: 0,
            has_looked: false,
            looked_at: Duration::ZERO,
            rest: Duration::ZERO,
            census: Census::new(config.census_interval, config.lease / 5),
            phases: BTreeMap::new(),
            held: false,
            stalled: false,
            wishes: None,
            steering: Steering::default(),
            rebalances: false,
            backoff: Backoff::new(config.handover_interval, LONGEST_RETRY, seed),
            store_episode: Episode::default(),
            membership_episode: Episode::default(),
            store,
            config,
        }
    }

    /// Runs one turn, and returns the time to rest after it.
    async fn turn(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) -> Duration {
        let turned = self.try_turn(observe).await;
        if std::mem::take(&mut self.has_looked) {
            self.looked_at = self.clock.now();
        }
        match turned {
            Ok(wait) => {
                // While a failed count is repeated, a turn that ends well does not count as a success.
                if !self.census.is_failing() {
                    self.leadership.turn_succeeded(self.clock.now());
                }
                self.backoff.succeeded();
                if self.store_episode.recovered() {
                    observe(ControlEvent::StoreBack);
                }
                observe(ControlEvent::Turned);
                wait
            }
            Err(error) => {
                self.leadership.turn_failed(&error);
                observe(ControlEvent::TurnFailed);
                let retry_in = self.backoff.failed();
                if self.store_episode.failed(self.clock.now(), &error) {
                    observe(ControlEvent::StoreFailed { error, retry_in });
                }
                retry_in
            }
        }
    }

    async fn try_turn(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) -> Result<Duration, StoreError> {
        let Some(term) = self.lead(observe).await? else { return Ok(self.jittered(self.config.lease / 5)) };
        let asked_at = self.clock.now();
        if asked_at.saturating_sub(self.looked_at) > self.rest + BLIND_AFTER {
            self.plane.blinded();
        }
        let assignment = self.store.assignment().await?;
        let answered_at = self.clock.now();
        self.has_looked = true;
        self.identify(assignment.installation, observe);
        self.catch_up(&term, &assignment, observe).await?;
        self.read_wishes(observe).await?;
        let recovery = (answered_at.saturating_sub(asked_at) * LOOK_REST).min(self.config.lease / 5);
        let rest = self.jittered(self.config.scan_interval).max(recovery);
        self.rest = rest;
        let counted = self.census.advance(&self.store, self.clock.as_ref()).await;
        let load = self.load(&assignment);
        if self.census.counted().is_some() {
            observe(ControlEvent::Scanned { assignment: &assignment, load: &load });
        }
        let members = self.members(observe).await;
        let (members, steering) = (members.as_deref(), &self.steering);
        let seen = Observation { assignment: &assignment, asked_at, answered_at, members, load: &load, steering };
        let decision = self.plane.step(self.clock.now(), &seen);
        self.tell(&decision, &assignment, observe);
        let waiting = self.commit(&term, &decision.transfers, &assignment, &load, observe).await?;
        let rebalanced = std::mem::replace(&mut self.rebalances, self.plane.pending() > 0);
        if rebalanced && !self.rebalances {
            observe(ControlEvent::Settled);
        }
        self.sweep(observe).await;
        // Only now: a failed count must not keep the control plane from deciding.
        counted?;
        Ok(if waiting || decision.suspects > 0 { self.config.handover_interval } else { rest })
    }

    /// Returns up to an eighth less than this time, so that control planes do not run in step with each other or with the
    /// workers.
    fn jittered(&mut self, time: Duration) -> Duration {
        self.turns += 1;
        let share = uuid_hash(Uuid::from_u64_pair(self.turns, 0), uuid_hash(self.candidate, 0)) % 128;
        time - time * u32::try_from(share).unwrap_or(0) / 1024
    }

    /// Renews or campaigns if that is due, and returns the term if this control plane leads.
    async fn lead(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) -> Result<Option<Term>, StoreError> {
        match self.leadership.duty(self.clock.now()) {
            Duty::Lead(term) => return Ok(Some(term)),
            Duty::Renew(term) => {
                if self.store.renew(&term, self.config.lease, self.hearing()).await? {
                    self.leadership.renewed(self.clock.now());
                    return Ok(Some(term));
                }
                self.deposed(observe);
            }
            Duty::GiveUp(term) => self.give_up(&term, observe).await,
            Duty::Campaign | Duty::Wait => {}
        }
        if self.leadership.duty(self.clock.now()) == Duty::Campaign {
            self.campaign(observe).await?;
        }
        let term = self.leadership.term();
        if term.is_none() && !std::mem::replace(&mut self.follows, true) {
            observe(ControlEvent::Following);
        }
        Ok(term)
    }

    async fn campaign(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) -> Result<(), StoreError> {
        let installation = self.store.installation().await?;
        self.identify(installation, observe);
        self.members(observe).await;
        if let Some(term) = self.store.campaign(self.candidate, self.config.lease, self.hearing()).await? {
            self.leadership.elected(self.clock.now(), term);
            self.follows = false;
            self.plane = ControlPlane::new(self.config.clone());
            (self.wishes, self.rebalances) = (None, false);
            observe(ControlEvent::Elected { term, installation });
        }
        Ok(())
    }

    /// Resigns so that other control planes can try, because turns of this one have failed for too long.
    async fn give_up(&mut self, term: &Term, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) {
        let now = self.clock.now();
        let failing_for = self.leadership.failing_for(now);
        let campaigns_in = self.leadership.gave_up(now);
        // If the store does not receive it, the lease expires by itself.
        let _ = self.store.resign(term).await;
        observe(ControlEvent::GaveUp { failing_for, campaigns_in });
        observe(ControlEvent::Deposed(*term));
        self.follows = false;
    }

    fn deposed(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) {
        if let Some(term) = self.leadership.lost() {
            self.follows = false;
            observe(ControlEvent::Deposed(term));
        }
    }

    /// Returns [`Hearing::Members`] if a fresh heartbeat was read within the time after which a worker's heartbeat is stale.
    fn hearing(&self) -> Hearing {
        let silence = self.heard_at.map(|heard| self.clock.now().saturating_sub(heard));
        let hears = silence.is_some_and(|silence| silence <= self.config.thresholds.stale_after);
        if hears { Hearing::Members } else { Hearing::NoMembers }
    }

    /// Records which installation answered, and reports a change.
    fn identify(&mut self, now: InstallationId, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) {
        if let Some(before) = self.installation.replace(now).filter(|before| *before != now) {
            observe(ControlEvent::InstallationChanged { before, now });
        }
    }

    /// Returns the items as last counted. Before the first count has ended, all slots count 0 items, so that they are shared by
    /// number.
    fn load(&self, assignment: &Assignment) -> SlotLoad {
        let uncounted = || {
            let slots = u32::try_from(assignment.slots.len()).ok().and_then(|slots| SlotCount::new(slots).ok());
            SlotLoad::of_items(slots.unwrap_or(SlotCount::DEFAULT), std::iter::empty())
        };
        self.census.counted().cloned().unwrap_or_else(uncounted)
    }

    /// Continues the count of the items, and never returns.
    async fn count(&mut self) {
        self.census.go_on(self.clock.as_ref()).await;
    }

    /// Lets ticks continue if the store's clock has fallen behind the last tick done.
    async fn catch_up(
        &mut self,
        term: &Term,
        assignment: &Assignment,
        observe: &mut (impl FnMut(ControlEvent<'_>) + Send),
    ) -> Result<(), StoreError> {
        if !assignment.is_behind() {
            return Ok(());
        }
        let ticks = self.store.catch_up(term).await?;
        if ticks > 0 {
            // The lease, too, was set by the earlier clock.
            self.leadership.renew_soon();
            observe(ControlEvent::ClockFell { by: assignment.tick_length * u32::try_from(ticks).unwrap_or(u32::MAX) });
        }
        Ok(())
    }

    /// Returns the members of this installation; `None` if they cannot be read.
    async fn members(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) -> Option<Vec<MemberRecord>> {
        match self.membership.members().await {
            Ok(members) => {
                if self.membership_episode.recovered() {
                    observe(ControlEvent::MembershipBack);
                }
                let known = [self.installation, Some(InstallationId::UNKNOWN)];
                let (ours, others): (Vec<_>, Vec<_>) =
                    members.into_iter().partition(|record| known.contains(&Some(record.member.installation)));
                if ours.iter().any(|record| record.age <= self.config.thresholds.stale_after) {
                    if self.hearing() == Hearing::NoMembers {
                        // Otherwise a candidate that has also just begun to hear members would replace this leader.
                        self.leadership.renew_soon();
                    }
                    self.heard_at = Some(self.clock.now());
                }
                let strangers: Vec<Member> = others.into_iter().map(|record| record.member).collect();
                self.tell_strangers(&strangers, observe);
                Some(ours)
            }
            Err(error) => {
                if self.membership_episode.failed(self.clock.now(), &error) {
                    observe(ControlEvent::MembershipFailed { error, retry_in: self.config.scan_interval });
                }
                None
            }
        }
    }

    fn tell_strangers(&mut self, strangers: &[Member], observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) {
        let keys: BTreeSet<MemberKey> = strangers.iter().map(|member| member.key.clone()).collect();
        if keys != self.strangers {
            self.strangers = keys;
            observe(ControlEvent::Strangers(strangers));
        }
    }

    fn tell(&mut self, decision: &Decision, assignment: &Assignment, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) {
        let before = std::mem::replace(&mut self.phases, decision.phases.clone());
        for (worker, now) in &decision.phases {
            if before.get(worker) != Some(now) {
                observe(ControlEvent::PhaseChanged { worker, before: before.get(worker).copied(), now: Some(*now) });
            }
        }
        for (worker, phase) in before.iter().filter(|(worker, _)| !decision.phases.contains_key(*worker)) {
            observe(ControlEvent::PhaseChanged { worker, before: Some(*phase), now: None });
        }
        match (std::mem::replace(&mut self.held, decision.silent.is_some()), decision.silent) {
            (false, Some(silent)) => {
                let owned = assignment.slots.iter().filter(|slot| slot.owner.is_some()).count();
                observe(ControlEvent::RebalancePaused { silent, owned });
            }
            (true, None) => observe(ControlEvent::RebalanceResumed),
            _ => {}
        }
        if decision.silent.is_none() {
            let was_stalled = std::mem::replace(&mut self.stalled, decision.stalled.is_some());
            if let Some(stalled) = decision.stalled.filter(|_| !was_stalled) {
                observe(ControlEvent::RolloutStalled(stalled));
            }
        }
        if !decision.plan.is_empty() {
            self.rebalances = true;
            observe(ControlEvent::Planned(&decision.plan));
        }
        observe(ControlEvent::Decided { decision, pending: self.plane.pending() });
    }

    /// Reads the wishes of operators. Without them nothing may be decided: they are in the same store as the slots.
    async fn read_wishes(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) -> Result<(), StoreError> {
        let Some(wishes) = self.store.wishes() else { return Ok(()) };
        let wishes = wishes.wishes().await?;
        if self.wishes.as_ref() != Some(&wishes) {
            observe(ControlEvent::WishesChanged(&wishes));
            self.steering = Steering::of(&wishes);
            self.wishes = Some(wishes);
        }
        Ok(())
    }

    /// Commits the transfers. Returns true if one of them waits for its tick.
    async fn commit(
        &mut self,
        term: &Term,
        transfers: &[Transfer],
        seen: &Assignment,
        load: &SlotLoad,
        observe: &mut (impl FnMut(ControlEvent<'_>) + Send),
    ) -> Result<bool, StoreError> {
        let mut waiting = false;
        let mut concerned = BTreeSet::new();
        for batch in transfers.chunks(self.config.commit_limit.max(1)) {
            match self.store.commit(term, batch).await? {
                Outcome::Committed { moved, refused } => {
                    self.plane.committed(&moved);
                    let commit = Commit { transfers: batch, moved: &moved, refused: &refused, seen, load };
                    concerned.extend(parties(&commit));
                    waiting |= refused.iter().any(|refusal| refusal.why == RefusalReason::NotTickedYet);
                    observe(ControlEvent::Committed(commit));
                }
                Outcome::Deposed => {
                    self.deposed(observe);
                    break;
                }
            }
        }
        if !concerned.is_empty() {
            // A lost notification costs a fraction of a second: the workers also look regularly.
            let _ = self.membership.wake_up(&WakeUp::slots(concerned)).await;
        }
        Ok(waiting)
    }

    async fn sweep(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) {
        let now = self.clock.now();
        if self.membership_episode.began_at().is_some() || now < self.sweep_at {
            return;
        }
        self.sweep_at = now + self.config.sweep_after / 10;
        if let Ok(swept) = self.membership.sweep(self.config.sweep_after).await
            && !swept.is_empty()
        {
            observe(ControlEvent::Swept(&swept));
        }
    }

    async fn resign(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) {
        if let Some(term) = self.leadership.lost() {
            // If the store does not receive it, the lease expires by itself.
            let _ = self.store.resign(&term).await;
            observe(ControlEvent::Deposed(term));
        }
    }
}

/// Returns the workers that received or lost one of the moved slots.
fn parties(commit: &Commit<'_>) -> BTreeSet<WorkerId> {
    let pair = |transfer: &Transfer| [Some(transfer.to.worker.clone()), commit.former_owner(transfer.slot).cloned()];
    commit.moves().flat_map(pair).flatten().collect()
}
