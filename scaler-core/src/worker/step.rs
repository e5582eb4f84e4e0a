//! The worker as a state machine: told what happened, it says what to do.

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use super::call::Call;
use super::healing::Healing;
use super::schedule::Schedule;
use super::watch::Watch;
use super::{Ending, WorkerConfig, WorkerEvent};
use crate::backoff::Backoff;
use crate::{Claim, ItemId, Member, MemberState, MembershipError, Standing, StoreError, TickReport, uuid_hash};

/// Something the worker is told.
#[derive(Debug)]
pub enum Input {
    /// The time it asked to be woken at has come, or nothing in particular happened.
    Woken,
    /// Something may have changed: try now.
    Nudged,
    /// It shall hand over and leave.
    Drain,
    /// What became of [`Effect::Adopt`].
    Adopted(Result<usize, StoreError>),
    /// What became of [`Effect::Tick`].
    Ticked(Result<TickReport, StoreError>),
    /// What became of [`Effect::Claim`].
    Claimed(Result<Claim, StoreError>),
    /// What became of [`Effect::List`].
    Listed(Result<Vec<ItemId>, StoreError>),
    /// What became of [`Effect::Heartbeat`].
    Beat(Result<Standing, MembershipError>),
    /// What became of [`Effect::Leave`].
    Left(Result<(), MembershipError>),
}

/// Something the worker asks for. Each call is answered by one input; none is asked for twice at a time.
#[derive(Debug)]
pub enum Effect {
    /// Call [`WorkStore::adopt`](crate::WorkStore::adopt).
    Adopt,
    /// Call [`WorkStore::tick`](crate::WorkStore::tick).
    Tick,
    /// Call [`WorkStore::claim_orphans`](crate::WorkStore::claim_orphans).
    Claim {
        /// How many slots at most.
        limit: usize,
    },
    /// Call [`WorkStore::items`](crate::WorkStore::items).
    List,
    /// Call [`Membership::heartbeat`](crate::Membership::heartbeat).
    Heartbeat(Member),
    /// Call [`Membership::leave`](crate::Membership::leave).
    Leave,
    /// Tell whoever runs the worker.
    Emit(WorkerEvent),
}

#[derive(Debug)]
struct Drain {
    begun_at: Duration,
    deadline: Duration,
    /// When a heartbeat that said so was first answered.
    heard_at: Option<Duration>,
}

/// A worker's state. See [`Input`] and [`Effect`].
#[derive(Debug)]
pub struct Worker {
    config: WorkerConfig,
    schedule: Schedule,
    backoff: Backoff,
    watch: Watch,
    adopted: bool,
    owned: u32,
    /// When it said of itself for the first time.
    begun_at: Option<Duration>,
    /// Adopt, and then tick.
    work: Call,
    beat: Call,
    healing: Healing,
    listing: bool,
    state: MemberState,
    retiring: bool,
    drain: Option<Drain>,
    leaving: bool,
    store_trouble: Option<Discriminant<StoreError>>,
    membership_trouble: Option<Discriminant<MembershipError>>,
    ending: Option<Ending>,
}

impl Worker {
    /// A worker that has just started.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "any 32 bits of the hash will do")]
    pub fn new(config: WorkerConfig) -> Self {
        let seed = uuid_hash(config.key.incarnation.uuid(), 0);
        Self {
            schedule: Schedule::new(config.tries_per_tick, seed as u32),
            backoff: Backoff::new(config.first_retry, config.longest_retry, seed),
            healing: Healing::new(config.claim_interval, config.claim_batch, seed),
            config,
            watch: Watch::default(),
            adopted: false,
            owned: 0,
            begun_at: None,
            work: Call::default(),
            beat: Call::default(),
            listing: false,
            state: MemberState::Joining,
            retiring: false,
            drain: None,
            leaving: false,
            store_trouble: None,
            membership_trouble: None,
            ending: None,
        }
    }

    /// How it behaves.
    #[must_use]
    pub const fn config(&self) -> &WorkerConfig {
        &self.config
    }

    /// How it ended, once it has.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// When it wants to be told [`Input::Woken`] at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Duration {
        if self.leaving {
            // There is nothing left to do but to hear that it has left.
            return Duration::MAX;
        }
        let calls = [&self.work, &self.beat].into_iter().filter(|call| call.sent_at.is_none()).map(|call| call.due_at);
        let deadline = self.drain.as_ref().map(|drain| drain.deadline);
        let healing = self.healing.wake_at().filter(|_| self.state != MemberState::Draining);
        calls.chain(deadline).chain(healing).min().unwrap_or(Duration::MAX)
    }

    /// Takes in what happened at `now` and says what to do. Once it has [ended](Self::ending) it asks for nothing.
    pub fn step(&mut self, now: Duration, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Woken => {}
            // A store in trouble is not hurried.
            Input::Nudged if self.store_trouble.is_none() => self.work.hurry(now),
            Input::Nudged => {}
            Input::Drain => self.drain_begins(now, &mut effects),
            Input::Adopted(answer) => self.adopted(now, answer, &mut effects),
            Input::Ticked(answer) => self.ticked(now, answer, &mut effects),
            Input::Claimed(answer) => self.claimed(now, answer, &mut effects),
            Input::Listed(answer) => self.listed(answer, &mut effects),
            Input::Beat(answer) => self.beaten(now, answer, &mut effects),
            Input::Left(_) => self.left(),
        }
        if self.ending.is_none() && !self.leaving {
            self.ask(now, &mut effects);
        }
        effects
    }

    fn ask(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.may_leave(now) {
            self.leaving = true;
            effects.push(Effect::Leave);
            return;
        }
        if self.work.send(now) {
            effects.push(if self.adopted { Effect::Tick } else { Effect::Adopt });
        }
        if self.beat.send(now) {
            effects.push(Effect::Heartbeat(self.member(now)));
        }
        // Who hands over takes nothing new.
        if self.state != MemberState::Draining && self.healing.send(now) {
            effects.push(Effect::Claim { limit: self.healing.batch() });
        }
    }

    fn drain_begins(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.drain.is_none() {
            self.drain = Some(Drain { begun_at: now, deadline: now + self.config.drain_timeout, heard_at: None });
            self.state = MemberState::Draining;
            self.beat.hurry(now);
            effects.push(Effect::Emit(WorkerEvent::Draining));
        }
    }

    /// Nothing is owned, and whoever gives slots has had a heartbeat's time to learn that no more are wanted.
    fn may_leave(&self, now: Duration) -> bool {
        let Some(drain) = &self.drain else { return false };
        let known = drain.heard_at.is_some_and(|heard| now >= heard + self.config.heartbeat_interval);
        now >= drain.deadline || !self.adopted || (self.owned == 0 && known && self.work.sent_at.is_none())
    }

    fn left(&mut self) {
        self.ending = Some(match self.owned {
            0 => Ending::Drained,
            slots => Ending::DrainTimedOut { slots },
        });
    }

    fn adopted(&mut self, now: Duration, answer: Result<usize, StoreError>, effects: &mut Vec<Effect>) {
        self.work.answered(now);
        match answer {
            Ok(slots) => {
                self.store_answered(effects);
                self.adopted = true;
                self.work.next(now, now);
                if slots > 0 {
                    effects.push(Effect::Emit(WorkerEvent::Adopted { slots }));
                }
            }
            Err(error) => self.work_failed(now, error, effects),
        }
    }

    fn ticked(&mut self, now: Duration, answer: Result<TickReport, StoreError>, effects: &mut Vec<Effect>) {
        let sent = self.work.answered(now);
        let report = match answer {
            Ok(report) => report,
            Err(error) => {
                self.work_failed(now, error, effects);
                return;
            }
        };
        self.store_answered(effects);
        self.schedule.observe(sent, &report);
        self.work.next(now, self.schedule.next(now));
        self.owned = report.owned;
        self.healing.ticked(now, &report);
        effects.push(Effect::Emit(WorkerEvent::Ticked { report, took: now.saturating_sub(sent) }));
        if self.watch.tick().is_none() {
            // Only now is it known that this worker can work: say so at once.
            self.beat.hurry(now);
        }
        if let Some(missed) = self.watch.observe(&report) {
            if missed > 0 {
                effects.push(Effect::Emit(WorkerEvent::Missed { ticks: missed }));
            }
            if self.watch.is_current() {
                self.show(effects);
            } else if !self.listing {
                self.listing = true;
                effects.push(Effect::List);
            }
        }
    }

    fn claimed(&mut self, now: Duration, answer: Result<Claim, StoreError>, effects: &mut Vec<Effect>) {
        if let Some(event) = self.healing.answered(now, answer) {
            self.work.hurry(now);
            effects.push(Effect::Emit(event));
        }
    }

    fn listed(&mut self, answer: Result<Vec<ItemId>, StoreError>, effects: &mut Vec<Effect>) {
        self.listing = false;
        match answer {
            Ok(items) => {
                self.watch.list(items);
                self.show(effects);
            }
            // The next tick sees the same difference and asks again.
            Err(error) => _ = self.store_failed(error, effects),
        }
    }

    fn show(&self, effects: &mut Vec<Effect>) {
        if let Some(tick) = self.watch.tick() {
            effects.push(Effect::Emit(WorkerEvent::Watching { tick, items: self.watch.items().clone() }));
        }
    }

    fn beaten(&mut self, now: Duration, answer: Result<Standing, MembershipError>, effects: &mut Vec<Effect>) {
        let sent = self.beat.answered(now);
        self.beat.next(now, now.max(sent + self.config.heartbeat_interval));
        match answer {
            Ok(standing @ (Standing::Current | Standing::Retiring)) => {
                if self.membership_trouble.take().is_some() {
                    effects.push(Effect::Emit(WorkerEvent::MembershipBack));
                }
                self.stands(now, standing, effects);
                if let Some(drain) = self.drain.as_mut().filter(|drain| sent >= drain.begun_at) {
                    drain.heard_at.get_or_insert(now);
                }
            }
            Ok(Standing::Superseded) => self.ending = Some(Ending::Superseded),
            Err(error) => {
                let kind = discriminant(&error);
                if self.membership_trouble.replace(kind) != Some(kind) {
                    let retry_in = self.beat.due_at.saturating_sub(now);
                    effects.push(Effect::Emit(WorkerEvent::MembershipFailed { error, retry_in }));
                }
            }
        }
    }

    /// The name is its own; whether it is retired shows in what it says next.
    fn stands(&mut self, now: Duration, standing: Standing, effects: &mut Vec<Effect>) {
        let retiring = standing == Standing::Retiring;
        let was_retiring = std::mem::replace(&mut self.retiring, retiring);
        if self.drain.is_some() {
            return;
        }
        self.state = if retiring { MemberState::Draining } else { MemberState::Active };
        if retiring != was_retiring {
            self.beat.hurry(now);
            effects.push(Effect::Emit(if retiring { WorkerEvent::Retiring } else { WorkerEvent::Reinstated }));
        }
    }

    fn member(&mut self, now: Duration) -> Member {
        let begun_at = *self.begun_at.get_or_insert(now);
        Member {
            key: self.config.key.clone(),
            state: self.state,
            last_tick: self.watch.tick(),
            slots: self.owned,
            items: self.watch.items().len() as u64,
            first_items: self.watch.items().iter().take(self.config.shown_items).copied().collect(),
            revision: self.config.revision.clone(),
            uptime: Duration::from_secs(now.saturating_sub(begun_at).as_secs()),
        }
    }

    fn store_answered(&mut self, effects: &mut Vec<Effect>) {
        self.backoff.succeeded();
        if self.store_trouble.take().is_some() {
            effects.push(Effect::Emit(WorkerEvent::StoreBack));
        }
    }

    fn work_failed(&mut self, now: Duration, error: StoreError, effects: &mut Vec<Effect>) {
        let retry_in = self.store_failed(error, effects);
        self.work.again = false;
        self.work.due_at = now + retry_in;
    }

    /// Tells of the failure unless it is more of the same, and gives the time to wait.
    fn store_failed(&mut self, error: StoreError, effects: &mut Vec<Effect>) -> Duration {
        let retry_in = self.backoff.failed();
        let kind = discriminant(&error);
        if self.store_trouble.replace(kind) != Some(kind) {
            effects.push(Effect::Emit(match error {
                StoreError::NotInstalled { .. } => WorkerEvent::WaitingForSchema,
                error => WorkerEvent::StoreFailed { error, retry_in },
            }));
        }
        retry_in
    }
}
