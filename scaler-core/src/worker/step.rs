//! State machine of a worker: turns each input into effects.

mod refusals;

use std::time::Duration;

use super::drain::Drain;
use super::item_list::ItemList;
use super::orphan_claims::OrphanClaims;
use super::protocol::{Effect, Input};
use super::recurring_call::RecurringCall;
use super::schedule::Schedule;
use super::shortfall::Shortfall;
use super::tick_rounds::{End, Ended, TickRounds};
use super::write_check::WriteCheck;
use super::{Ending, IdleReason, WorkerConfig, WorkerEvent};
use crate::backoff::Backoff;
use crate::episode::Episode;
use crate::{
    Adoption, Claim, ErrorClass, InstallationId, ItemId, Member, MemberState, MembershipError, Registration, SlotCount,
    SlotRange, StoreError, TickReport, WakeUp, uuid_hash,
};

/// Minimum time of failing heartbeats after which a worker that owns no slots reports [`IdleReason::Unheard`].
const UNHEARD_AFTER: Duration = Duration::from_secs(3);
/// Time over which workers spread the tick rounds that [`WakeUp::Everyone`] triggers.
const SPREAD: Duration = Duration::from_millis(250);
/// Minimum time between two rounds requested by wake-up notifications. While slots change hands all the time, as in a rollout of very many
/// workers, it limits such rounds to two per second and worker.
const NOTIFIED_EVERY: Duration = Duration::from_millis(500);

/// State of a worker. See [`Input`] and [`Effect`].
#[derive(Debug)]
pub struct Worker {
    config: WorkerConfig,
    /// Position of this worker within intervals over which workers spread their calls, as a fraction of 2^32.
    share: u32,
    schedule: Schedule,
    backoff: Backoff,
    item_list: ItemList,
    adopted: bool,
    /// Installation of the store; `None` before its first answer.
    installation: Option<InstallationId>,
    /// Due time of the last round requested by a wake-up notification.
    notified_at: Option<Duration>,
    idle: Option<IdleReason>,
    owned: u32,
    refused: u64,
    refusal: Option<String>,
    /// Number of slots of the store, independent of owner.
    slots: SlotCount,
    /// Time of the first heartbeat, from which uptime counts.
    begun_at: Option<Duration>,
    adopt: RecurringCall,
    rounds: TickRounds,
    beat: RecurringCall,
    orphan_claims: OrphanClaims,
    write_check: WriteCheck,
    listing: bool,
    state: MemberState,
    retiring: bool,
    drain: Option<Drain>,
    leaving: bool,
    store_episode: Episode,
    shortfall: Shortfall,
    membership_episode: Episode,
    ending: Option<Ending>,
}

impl Worker {
    /// Creates a worker that has just started.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "any 32 bits of the hash will do")]
    pub fn new(config: WorkerConfig) -> Self {
        let seed = uuid_hash(config.key.incarnation.uuid(), 0);
        Self {
            share: seed as u32,
            schedule: Schedule::new(config.tries_per_tick, seed as u32),
            backoff: Backoff::new(config.first_retry, config.longest_retry, seed),
            orphan_claims: OrphanClaims::new(config.claim_interval, config.claim_batch, seed),
            write_check: WriteCheck::new(seed),
            rounds: TickRounds::new(config.ticks_at_once),
            config,
            item_list: ItemList::default(),
            adopted: false,
            installation: None,
            notified_at: None,
            idle: None,
            owned: 0,
            refused: 0,
            refusal: None,
            slots: SlotCount::DEFAULT,
            begun_at: None,
            adopt: RecurringCall::default(),
            beat: RecurringCall::default(),
            listing: false,
            state: MemberState::Joining,
            retiring: false,
            drain: None,
            leaving: false,
            store_episode: Episode::default(),
            shortfall: Shortfall::default(),
            membership_episode: Episode::default(),
            ending: None,
        }
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn config(&self) -> &WorkerConfig {
        &self.config
    }

    /// Returns how the worker ended; `None` while it runs.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Returns the latest time at which the worker must be given [`Input::Woken`].
    #[must_use]
    pub fn wake_at(&self) -> Duration {
        if self.leaving {
            // Only the answer to the leave call is still to come.
            return Duration::MAX;
        }
        let call = |call: &RecurringCall| call.sent_at.is_none().then_some(call.due_at);
        let work = if self.adopted { self.rounds.wake_at() } else { call(&self.adopt) };
        let deadline = self.drain.as_ref().map(Drain::deadline);
        let beat = call(&self.beat).filter(|_| self.installation.is_some());
        let claims = self.orphan_claims.wake_at().filter(|_| self.may_take());
        [work, beat, deadline, claims, self.write_check.wake_at()].into_iter().flatten().min().unwrap_or(Duration::MAX)
    }

    /// Handles an input at `now` and returns the effects to carry out: none once the worker has [ended](Self::ending).
    pub fn step(&mut self, now: Duration, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Woken => {}
            Input::Notified(wake_up) => self.notified(now, &wake_up),
            Input::Drain => self.drain_begins(now, &mut effects),
            Input::Adopted(answer) => self.adopted(now, answer, &mut effects),
            Input::Ticked(slots, answer) => self.ticked(now, slots, answer, &mut effects),
            Input::Claimed(answer) => self.claimed(now, answer, &mut effects),
            Input::TriedToWrite(answer) => self.tried_to_write(now, answer, &mut effects),
            Input::Listed(slots, answer) => self.listed(now, slots, answer, &mut effects),
            Input::HeartbeatAnswered(answer) => self.heartbeat_answered(now, answer, &mut effects),
            Input::Left(_) => self.left(),
        }
        if self.ending.is_none() && !self.leaving {
            self.tell_idle(now, &mut effects);
            self.ask(now, &mut effects);
        }
        effects
    }

    /// Schedules a tick round soon if the notification concerns this worker.
    fn notified(&mut self, now: Duration, wake_up: &WakeUp) {
        let delay = match wake_up {
            WakeUp::Slots(workers) if workers.contains(&self.config.key.worker) => Duration::ZERO,
            WakeUp::Everyone => SPREAD.mul_f64(f64::from(self.share) / f64::from(u32::MAX)),
            WakeUp::Slots(_) | WakeUp::Members => return,
        };
        // While the store fails, back-off takes precedence over notifications.
        if self.store_episode.began_at().is_none() {
            let earliest = self.notified_at.map_or(Duration::ZERO, |last| last + NOTIFIED_EVERY);
            let at = (now + delay).max(earliest);
            self.rounds.hurry(at);
            self.notified_at = Some(at);
        }
    }

    /// Emits an event if the reason for owning no slots has changed.
    fn tell_idle(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let unheard_for = self.membership_episode.began_at().map(|began_at| now.saturating_sub(began_at));
        let unticked = self.orphan_claims.unticked();
        let why = if self.owned > 0 || self.item_list.tick().is_none() || self.state == MemberState::Draining {
            None
        } else if unheard_for.is_some_and(|time| time >= UNHEARD_AFTER) {
            Some(IdleReason::Unheard)
        } else {
            (unticked > 0).then_some(IdleReason::Overlooked { unticked })
        };
        if why != self.idle {
            self.idle = why;
            effects.push(Effect::Emit(why.map_or(WorkerEvent::IdleOver, |why| WorkerEvent::Idle { why })));
        }
    }

    fn ask(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.may_leave(now) {
            self.leaving = true;
            if self.drain.as_ref().is_some_and(Drain::is_unheard) {
                // Heartbeats fail, so a leave call would not arrive either.
                self.left();
            } else {
                effects.push(Effect::Leave);
            }
            return;
        }
        if self.adopted {
            effects.extend(self.rounds.send(now, self.schedule.spread_until(now)).into_iter().map(Effect::Tick));
        } else if self.adopt.send(now) {
            effects.push(Effect::Adopt);
        }
        if let Some(installation) = self.installation
            && self.beat.send(now)
        {
            effects.push(Effect::Heartbeat(self.member(now, installation)));
        }
        if self.write_check.send(now) {
            effects.push(Effect::TryToWrite);
        }
        if self.may_take() && self.orphan_claims.send(now) {
            let (limit, well_since) = self.orphan_claims.question();
            effects.push(Effect::Claim { limit, well_since });
        }
    }

    /// True if the worker may claim orphaned slots: not while it hands over its slots, nor while the store refuses its writes.
    fn may_take(&self) -> bool {
        !matches!(self.state, MemberState::Draining | MemberState::Suspect | MemberState::Barred)
    }

    fn drain_begins(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.drain.is_none() {
            self.drain = Some(Drain::new(now, self.config.drain_timeout));
            self.state = MemberState::Draining;
            self.beat.hurry(now);
            effects.push(Effect::Emit(WorkerEvent::Draining));
        }
    }

    /// True if the drain deadline has passed, or the worker owns no slots and will be given none.
    fn may_leave(&self, now: Duration) -> bool {
        let Some(drain) = &self.drain else { return false };
        let known = drain.is_known(now, self.config.heartbeat_interval) || drain.is_unheard();
        now >= drain.deadline() || !self.adopted || (self.owned == 0 && known && self.rounds.is_idle())
    }

    fn left(&mut self) {
        self.ending = Some(match self.owned {
            0 => Ending::Drained,
            slots => Ending::DrainTimedOut { slots },
        });
    }

    fn adopted(&mut self, now: Duration, answer: Result<Adoption, StoreError>, effects: &mut Vec<Effect>) {
        self.adopt.answered(now);
        match answer {
            Ok(Adoption { installation, slots }) => {
                self.store_answered(effects);
                self.installation = Some(installation);
                self.adopted = true;
                self.rounds.hurry(now);
                if slots > 0 {
                    effects.push(Effect::Emit(WorkerEvent::Adopted { slots }));
                }
            }
            Err(error) => {
                let retry_in = self.store_failed(now, error, effects);
                self.adopt.due_at = now + retry_in;
            }
        }
    }

    fn ticked(&mut self, now: Duration, slots: SlotRange, answer: Result<TickReport, StoreError>, effects: &mut Vec<Effect>) {
        let end = match answer {
            Ok(report) => {
                self.store_answered(effects);
                let (sent, end) = self.rounds.answered(now, slots, &report);
                if let Some(sent) = sent {
                    self.schedule.observe(sent, &report);
                }
                end
            }
            Err(error) => {
                if error.class() == ErrorClass::Permanent && self.owned > 0 {
                    self.write_check.suspect();
                }
                self.rounds.failed(now, slots, error)
            }
        };
        self.round_ended(now, end, effects);
    }

    fn round_ended(&mut self, now: Duration, end: Option<End>, effects: &mut Vec<Effect>) {
        match end {
            Some(End::Ticked(mut ended)) => {
                let is_complete = ended.failed.is_none() && ended.is_sound;
                let event = match ended.failed.take() {
                    Some((slots, error)) => self.shortfall.slots_failed(now, slots, error),
                    None => ended.is_sound.then(|| self.shortfall.slots_are_sound()).flatten(),
                };
                effects.extend(event.map(Effect::Emit));
                self.round_answered(now, &ended, is_complete, effects);
            }
            Some(End::Failed(error)) => {
                let retry_in = self.store_failed(now, error, effects);
                self.rounds.retry_at(now + retry_in);
            }
            Some(End::AsideFailed(slots, error)) => {
                effects.extend(self.shortfall.slots_failed(now, slots, error).map(Effect::Emit));
            }
            None => {}
        }
    }

    /// Handles the merged report of a tick round.
    fn round_answered(&mut self, now: Duration, ended: &Ended, is_complete: bool, effects: &mut Vec<Effect>) {
        let report = &ended.report;
        self.identify(report.installation, effects);
        self.owned = report.owned;
        self.orphan_claims.ticked(now, report);
        self.rounds.next_at(now, self.next_round_at(now, ended));
        effects.push(Effect::Emit(WorkerEvent::Ticked { is_complete, report: report.clone(), took: ended.took }));
        if ended.is_whole {
            self.tell_refused(now, report, effects);
        }
        if ended.missed > 0 {
            effects.push(Effect::Emit(WorkerEvent::Missed { ticks: ended.missed }));
        }
        if self.item_list.tick().is_none() {
            // The first answered tick shows that this worker can work: report it with an immediate heartbeat.
            self.beat.hurry(now);
        }
        self.slots = report.slots;
        if self.item_list.observe(report.tick) && !self.listing {
            self.list_or_show(None, effects);
        }
    }

    /// Records which installation has answered; emits an event if it is another one.
    fn identify(&mut self, now: InstallationId, effects: &mut Vec<Effect>) {
        if let Some(before) = self.installation.replace(now).filter(|before| *before != now) {
            effects.push(Effect::Emit(WorkerEvent::InstallationChanged { before, now }));
        }
    }

    /// Requests the item ids of the next run of slots in which they have changed; emits the item list if none is left.
    fn list_or_show(&mut self, after: Option<SlotRange>, effects: &mut Vec<Effect>) {
        match self.rounds.stale_after(after) {
            Some(slots) => {
                self.listing = true;
                effects.push(Effect::List(slots));
            }
            None => self.show(effects),
        }
    }

    fn claimed(&mut self, now: Duration, answer: Result<Claim, StoreError>, effects: &mut Vec<Effect>) {
        if let Some(event) = self.orphan_claims.answered(now, answer) {
            // A failed claim does not bring the next round forward.
            if matches!(event, WorkerEvent::Claimed { .. }) {
                self.rounds.hurry(now);
            }
            effects.push(Effect::Emit(event));
        }
    }

    /// Returns the time of the next tick round.
    fn next_round_at(&self, now: Duration, ended: &Ended) -> Duration {
        // While heartbeats fail, notifications may not arrive: a worker that owns no slots or drains must poll to learn of moves.
        let is_changing = ended.report.owned == 0 || self.state == MemberState::Draining;
        let watchful = is_changing && self.membership_episode.began_at().is_some();
        if ended.late {
            now
        } else if ended.is_whole && ended.report.left == 0 && !watchful {
            self.schedule.next_tick(now)
        } else {
            self.schedule.next(now)
        }
    }

    fn listed(&mut self, now: Duration, slots: SlotRange, answer: Result<Vec<ItemId>, StoreError>, effects: &mut Vec<Effect>) {
        self.listing = false;
        match answer {
            Ok(items) => {
                self.rounds.listed(slots, &items);
                self.item_list.list(slots, self.slots, items);
                self.list_or_show(Some(slots), effects);
            }
            // The next tick round detects the same change and requests the list again.
            Err(error) => _ = self.store_failed(now, error, effects),
        }
    }

    fn show(&self, effects: &mut Vec<Effect>) {
        if let Some(tick) = self.item_list.tick() {
            effects.push(Effect::Emit(WorkerEvent::Watching { tick, items: self.item_list.items().clone() }));
        }
    }

    fn heartbeat_answered(&mut self, now: Duration, answer: Result<Registration, MembershipError>, effects: &mut Vec<Effect>) {
        let sent = self.beat.answered(now);
        self.beat.next(now, now.max(sent + self.config.heartbeat_interval));
        match answer {
            Ok(registration @ (Registration::Current | Registration::Retiring)) => {
                if self.membership_episode.recovered() {
                    effects.push(Effect::Emit(WorkerEvent::MembershipBack));
                }
                self.registered(now, registration, effects);
                if let Some(drain) = &mut self.drain {
                    drain.heard(sent, now);
                }
            }
            Ok(Registration::Superseded) => self.ending = Some(Ending::Superseded),
            Err(error) => {
                if let Some(drain) = &mut self.drain {
                    drain.unheard(sent);
                }
                if self.membership_episode.failed(now, &error) {
                    let retry_in = self.beat.due_at.saturating_sub(now);
                    effects.push(Effect::Emit(WorkerEvent::MembershipFailed { error, retry_in }));
                }
            }
        }
    }

    /// Handles a heartbeat answer that confirms the worker's name, and applies retirement. The next heartbeat carries the new state.
    fn registered(&mut self, now: Duration, registration: Registration, effects: &mut Vec<Effect>) {
        let retiring = registration == Registration::Retiring;
        let was_retiring = std::mem::replace(&mut self.retiring, retiring);
        if self.drain.is_some() {
            return;
        }
        self.state = match retiring {
            true => MemberState::Draining,
            false => self.write_check.state(),
        };
        if retiring != was_retiring {
            self.beat.hurry(now);
            effects.push(Effect::Emit(if retiring { WorkerEvent::Retiring } else { WorkerEvent::Reinstated }));
        }
    }

    fn member(&mut self, now: Duration, installation: InstallationId) -> Member {
        let begun_at = *self.begun_at.get_or_insert(now);
        Member {
            key: self.config.key.clone(),
            installation,
            state: self.state,
            last_tick: self.item_list.tick(),
            slots: self.owned,
            items: self.item_list.items().len() as u64,
            refused: self.refused,
            refusal: self.refusal.clone(),
            first_items: self.item_list.items().iter().take(self.config.shown_items).map(ItemId::to_string).collect(),
            revision: self.config.revision.clone(),
            uptime: Duration::from_secs(now.saturating_sub(begun_at).as_secs()),
        }
    }

    fn store_answered(&mut self, effects: &mut Vec<Effect>) {
        self.backoff.succeeded();
        if self.store_episode.recovered() {
            effects.push(Effect::Emit(WorkerEvent::StoreBack));
        }
    }

    /// Reports the failure unless it repeats a known one; returns the time to wait before the next try.
    fn store_failed(&mut self, now: Duration, error: StoreError, effects: &mut Vec<Effect>) -> Duration {
        let retry_in = self.backoff.failed();
        if self.store_episode.failed(now, &error) {
            effects.push(Effect::Emit(match error {
                StoreError::NotInstalled { .. } => WorkerEvent::WaitingForSchema { error },
                error => WorkerEvent::StoreFailed { error, retry_in },
            }));
        }
        retry_in
    }
}
