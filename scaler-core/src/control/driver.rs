//! Leads, looks, and commits.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::StreamExt;
use uuid::Uuid;

use super::{ControlConfig, ControlEvent, ControlPlane, Decision, Observation, Verdict};
use crate::backoff::Backoff;
use crate::episode::Episode;
use crate::{
    Assignment, Clock, Election, Membership, Outcome, RefusalReason, Sighting, SlotLoad, StoreError, Term, Transfer, WorkStore,
    WorkerId, uuid_hash,
};

/// A count that took this long is not repeated before this many times as long has gone by.
const CENSUS_REST: u32 = 20;
/// A look that took this long is not repeated before this many times as long has gone by, as long as the lease allows it.
const LOOK_REST: u32 = 4;
/// Who did not look for longer than this, beyond the rest that it takes, has not seen who came and went.
const BLIND_AFTER: Duration = Duration::from_secs(1);
/// The longest wait after failures of the store.
const LONGEST_RETRY: Duration = Duration::from_secs(2);
/// The least time from one look to the next, however many nudges come.
const BREATH: Duration = Duration::from_millis(20);

/// Runs a control plane until `stop` completes; then it resigns, so that the next need not wait.
///
/// Dropping the future ends it at once, as a kill does: safe, but the next leader waits until the lease is over.
pub async fn run<S: WorkStore + Election + ?Sized>(
    config: ControlConfig,
    candidate: Uuid,
    store: Arc<S>,
    membership: Arc<dyn Membership>,
    clock: Arc<dyn Clock>,
    stop: impl Future<Output = ()> + Send,
    mut observe: impl FnMut(ControlEvent<'_>) + Send,
) {
    let mut nudges = membership.nudges();
    let mut driver = Driver::new(config, candidate, store, membership, clock);
    let mut stop = std::pin::pin!(stop);
    loop {
        let wait = tokio::select! {
            biased; // In a fixed order, so that a simulation plays again the same.
            () = &mut stop => break,
            wait = driver.turn(&mut observe) => wait,
        };
        tokio::time::sleep(BREATH.min(wait)).await;
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = tokio::time::sleep(wait.saturating_sub(BREATH)) => {}
            Some(()) = nudges.next() => {}
        }
    }
    driver.resign(&mut observe).await;
}

struct Driver<S: ?Sized> {
    config: ControlConfig,
    candidate: Uuid,
    membership: Arc<dyn Membership>,
    clock: Arc<dyn Clock>,
    /// Leading, following, or not known yet.
    leads: Option<bool>,
    term: Option<Term>,
    renew_at: Duration,
    sweep_at: Duration,
    turns: u64,
    plane: ControlPlane,
    /// Whether the present turn has seen the slots, and when the last one ended that had.
    has_looked: bool,
    looked_at: Duration,
    /// How long it meant to rest after that.
    rest: Duration,
    census: Option<SlotLoad>,
    census_at: Duration,
    verdicts: BTreeMap<WorkerId, Verdict>,
    held: bool,
    backoff: Backoff,
    store_episode: Episode,
    membership_episode: Episode,
    store: Arc<S>,
}

impl<S: WorkStore + Election + ?Sized> Driver<S> {
    fn new(
        config: ControlConfig,
        candidate: Uuid,
        store: Arc<S>,
        membership: Arc<dyn Membership>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            plane: ControlPlane::new(config.clone()),
            candidate,
            membership,
            clock,
            leads: None,
            term: None,
            renew_at: Duration::ZERO,
            sweep_at: Duration::ZERO,
            turns: 0,
            has_looked: false,
            looked_at: Duration::ZERO,
            rest: Duration::ZERO,
            census: None,
            census_at: Duration::ZERO,
            verdicts: BTreeMap::new(),
            held: false,
            backoff: Backoff::new(config.handover_interval, LONGEST_RETRY, uuid_hash(candidate, 0)),
            store_episode: Episode::default(),
            membership_episode: Episode::default(),
            store,
            config,
        }
    }

    /// One turn; how long to rest after it.
    async fn turn(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) -> Duration {
        let turned = self.try_turn(observe).await;
        if std::mem::take(&mut self.has_looked) {
            self.looked_at = self.clock.now();
        }
        match turned {
            Ok(wait) => {
                self.backoff.succeeded();
                if self.store_episode.recovered() {
                    observe(ControlEvent::StoreBack);
                }
                observe(ControlEvent::Turned);
                wait
            }
            Err(error) => {
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
        self.catch_up(&term, &assignment, observe).await?;
        let recovery = (answered_at.saturating_sub(asked_at) * LOOK_REST).min(self.config.lease / 5);
        let rest = self.jittered(self.config.scan_interval).max(recovery);
        self.rest = rest;
        self.count_items().await?;
        let Some(load) = self.census.clone() else { return Ok(rest) };
        observe(ControlEvent::Scanned { assignment: &assignment, load: &load });
        let members = self.members(observe).await;
        let seen = Observation { assignment: &assignment, asked_at, answered_at, members: members.as_deref(), load: &load };
        let decision = self.plane.step(self.clock.now(), &seen);
        self.tell(&decision, &assignment, observe);
        let waiting = self.commit(&term, &decision.transfers, observe).await?;
        self.sweep(observe).await;
        Ok(if waiting || decision.suspects > 0 { self.config.handover_interval } else { rest })
    }

    /// Up to an eighth less than this time, so that no two control planes keep in step with each other or with the workers.
    fn jittered(&mut self, time: Duration) -> Duration {
        self.turns += 1;
        let share = uuid_hash(Uuid::from_u64_pair(self.turns, 0), uuid_hash(self.candidate, 0)) % 128;
        time - time * u32::try_from(share).unwrap_or(0) / 1024
    }

    /// The term, if this control plane leads.
    async fn lead(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) -> Result<Option<Term>, StoreError> {
        if let Some(term) = self.term {
            if self.clock.now() < self.renew_at {
                return Ok(Some(term));
            }
            if self.store.renew(&term, self.config.lease).await? {
                self.renew_at = self.clock.now() + self.config.lease / 3;
                return Ok(Some(term));
            }
            self.deposed(term, observe);
        }
        self.term = self.store.campaign(self.candidate, self.config.lease).await?;
        if let Some(term) = self.term {
            self.renew_at = self.clock.now() + self.config.lease / 3;
            self.plane = ControlPlane::new(self.config.clone());
            observe(ControlEvent::Elected(term));
        } else if self.leads != Some(false) {
            observe(ControlEvent::Following);
        }
        self.leads = Some(self.term.is_some());
        Ok(self.term)
    }

    fn deposed(&mut self, term: Term, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) {
        self.term = None;
        self.leads = None;
        observe(ControlEvent::Deposed(term));
    }

    /// Lets ticks go on where the store's clock has fallen behind those that were done.
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
            // The lease, too, is by the clock as it was before.
            self.renew_at = Duration::ZERO;
            observe(ControlEvent::ClockFell { by: assignment.tick_length * u32::try_from(ticks).unwrap_or(u32::MAX) });
        }
        Ok(())
    }

    async fn count_items(&mut self) -> Result<(), StoreError> {
        let begun = self.clock.now();
        if self.census.is_none() || begun >= self.census_at {
            self.census = Some(self.store.census().await?);
            let ended = self.clock.now();
            self.census_at = ended + self.config.census_interval.max(ended.saturating_sub(begun) * CENSUS_REST);
        }
        Ok(())
    }

    async fn members(&mut self, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) -> Option<Vec<Sighting>> {
        match self.membership.members().await {
            Ok(members) => {
                if self.membership_episode.recovered() {
                    observe(ControlEvent::MembershipBack);
                }
                Some(members)
            }
            Err(error) => {
                if self.membership_episode.failed(self.clock.now(), &error) {
                    observe(ControlEvent::MembershipFailed { error, retry_in: self.config.scan_interval });
                }
                None
            }
        }
    }

    fn tell(&mut self, decision: &Decision, assignment: &Assignment, observe: &mut (impl FnMut(ControlEvent<'_>) + Send)) {
        let before = std::mem::replace(&mut self.verdicts, decision.verdicts.clone());
        for (worker, now) in &decision.verdicts {
            if before.get(worker) != Some(now) {
                observe(ControlEvent::Judged { worker, before: before.get(worker).copied(), now: Some(*now) });
            }
        }
        for (worker, verdict) in before.iter().filter(|(worker, _)| !decision.verdicts.contains_key(*worker)) {
            observe(ControlEvent::Judged { worker, before: Some(*verdict), now: None });
        }
        match (std::mem::replace(&mut self.held, decision.silent.is_some()), decision.silent) {
            (false, Some(silent)) => {
                let owned = assignment.slots.iter().filter(|slot| slot.owner.is_some()).count();
                observe(ControlEvent::Held { silent, owned });
            }
            (true, None) => observe(ControlEvent::Released),
            _ => {}
        }
        if !decision.plan.is_empty() {
            observe(ControlEvent::Planned(&decision.plan));
        }
    }

    /// Whether a transfer waits for its tick.
    async fn commit(
        &mut self,
        term: &Term,
        transfers: &[Transfer],
        observe: &mut (impl FnMut(ControlEvent<'_>) + Send),
    ) -> Result<bool, StoreError> {
        let mut waiting = false;
        let mut any_moved = false;
        for batch in transfers.chunks(self.config.commit_limit.max(1)) {
            match self.store.commit(term, batch).await? {
                Outcome::Committed { moved, refused } => {
                    any_moved |= !moved.is_empty();
                    waiting |= refused.iter().any(|refusal| refusal.why == RefusalReason::NotTickedYet);
                    observe(ControlEvent::Committed { moved: &moved, refused: &refused });
                }
                Outcome::Deposed => {
                    self.deposed(*term, observe);
                    break;
                }
            }
        }
        if any_moved {
            // A lost nudge costs a fraction of a second: the workers look by themselves too.
            let _ = self.membership.nudge().await;
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
        if let Some(term) = self.term.take() {
            // Where the store does not hear it, the lease runs out by itself.
            let _ = self.store.resign(&term).await;
            observe(ControlEvent::Deposed(term));
        }
    }
}
