//! Builder of the view, from the events of a control plane.

use std::collections::BTreeMap;
use std::time::Duration;

use scaler_core::audit::Report;
use scaler_core::control::{ControlEvent, Decision, MemberPhase, StalledRollout, Steering};
use scaler_core::{Member, RecordedEvent, RecordedWish, SlotLoad, Tick, WorkerId};

use super::rate::IncrementRate;
use super::rebalance::RunningRebalance;
use super::servers::ServerState;
use super::tally::Tally;
use super::{
    Audit, Autoscaler, EventView, LeaderView, MOST_EVENTS, MOST_WORKERS, Notice, NoticeKind, Phase, RebalanceView, Server,
    Situation, SlotMap, Source, TickView, Timestamp, Totals, View, WorkerView, WorkersView, notices,
};
use crate::observe::WorkerLoad;
use crate::text::millis;

/// Minimum time between two counts of the slots while no slot moves.
const COUNT_INTERVAL: Duration = Duration::from_millis(900);

/// Newest records of the event log, newest first.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// Events of all kinds.
    pub events: Vec<RecordedEvent>,
    /// Events that record a rebalance.
    pub rebalances: Vec<RecordedEvent>,
}

/// Builder of the view. It sees all events of a control plane, and needs memory for the slots and the workers, not for the items.
#[derive(Debug)]
pub struct ViewBuilder {
    /// Time of the last event that shows that the control plane works: what is seen is as old as this.
    observed_at: Duration,
    leader: Option<LeaderView>,
    tally: Option<(Duration, Tally)>,
    /// True if slots have moved since they were counted.
    is_stale: bool,
    /// Loads of an earlier tick: the last one, and one of at least two ticks ago.
    loads: [Option<(Tick, SlotLoad)>; 2],
    rate: IncrementRate,
    situation: Situation,
    owned: usize,
    stalled: Option<(StalledRollout, Duration)>,
    wishes: Vec<RecordedWish>,
    steering: Steering,
    rebalance: Option<RunningRebalance>,
    store: ServerState,
    members: ServerState,
    members_fail: bool,
    /// Revision and number of refused items of each member.
    reports: BTreeMap<WorkerId, (Option<String>, u64)>,
    audit: Option<Audit>,
    autoscaler: Option<Autoscaler>,
}

impl ViewBuilder {
    /// Returns a builder that has seen no event yet. `store` is the name of the store, such as `Postgres`; `now` and all later times are
    /// since the Unix epoch.
    #[must_use]
    pub fn new(store: impl Into<String>, now: Duration) -> Self {
        Self {
            observed_at: now,
            leader: None,
            tally: None,
            is_stale: false,
            loads: [None, None],
            rate: IncrementRate::default(),
            situation: Situation::default(),
            owned: 0,
            stalled: None,
            wishes: Vec::new(),
            steering: Steering::default(),
            rebalance: None,
            store: ServerState::new(store.into(), now),
            members: ServerState::new("members".to_owned(), now),
            members_fail: false,
            reports: BTreeMap::new(),
            audit: None,
            autoscaler: None,
        }
    }

    /// Takes an event of the control plane.
    pub fn observe(&mut self, now: Duration, event: &ControlEvent<'_>) {
        let works = matches!(
            event,
            ControlEvent::Elected { .. } | ControlEvent::Scanned { .. } | ControlEvent::Decided { .. } | ControlEvent::Turned
        );
        if works {
            self.observed_at = now;
        }
        match event {
            ControlEvent::Elected { term, .. } => {
                self.resigned();
                self.leader =
                    Some(LeaderView { candidate: term.holder.to_string(), term: term.number, since: Timestamp::of(now) });
            }
            ControlEvent::Deposed(_) | ControlEvent::Following => self.resigned(),
            ControlEvent::Turned | ControlEvent::StoreBack => self.store.answered(now),
            ControlEvent::StoreFailed { error, .. } => self.store.failed(now, error),
            ControlEvent::MembershipFailed { error, .. } => {
                self.members_fail = true;
                self.members.failed(now, error);
            }
            ControlEvent::MembershipBack => {
                self.members_fail = false;
                self.members.answered(now);
            }
            ControlEvent::Scanned { assignment, load } => {
                self.rate.look(assignment, load);
                self.keep_load(assignment.tick, load);
                let is_due = self.tally.as_ref().is_none_or(|(at, _)| now.saturating_sub(*at) >= COUNT_INTERVAL);
                if is_due || std::mem::take(&mut self.is_stale) {
                    let earlier = self.loads[1].as_ref().map(|(_, load)| load);
                    self.tally = Some((now, Tally::of(assignment, load, earlier)));
                }
            }
            ControlEvent::Decided { decision, pending } => self.decided(now, decision, *pending),
            ControlEvent::RebalancePaused { silent, owned } => {
                self.owned = *owned;
                self.situation.held = Some((*silent, now));
            }
            ControlEvent::RebalanceResumed => self.situation.held = None,
            ControlEvent::Planned(plan) => self.rebalance.get_or_insert_with(|| RunningRebalance::begun(now)).add(plan),
            ControlEvent::Committed(_) => self.is_stale = true,
            ControlEvent::Settled => self.rebalance = None,
            ControlEvent::WishesChanged(wishes) => {
                self.wishes = wishes.to_vec();
                self.steering = Steering::of(*wishes);
            }
            _ => {}
        }
    }

    /// Records what the program waits for before it has reached its servers.
    pub fn waits(&mut self, now: Duration, reason: &str) {
        self.store.failed(now, &reason);
    }

    /// Records what the members report about themselves.
    pub fn reported(&mut self, members: impl IntoIterator<Item = Member>) {
        let report = |member: Member| (member.key.worker, (member.revision, member.refused));
        self.reports = members.into_iter().map(report).collect();
    }

    /// Records the result of an audit that ended now.
    pub fn audited(&mut self, now: Duration, report: &Report) {
        self.audit = Some(Audit { at: Timestamp::of(now), items: report.items, doubles: report.doubles, missed: report.gaps });
    }

    /// Records the state of the autoscaler; `None` if there is none.
    pub fn autoscales(&mut self, state: Option<Autoscaler>) {
        self.autoscaler = state;
    }

    /// True if the control plane leads.
    #[must_use]
    pub const fn leads(&self) -> bool {
        self.leader.is_some()
    }

    /// Returns what the leader knows beyond the view; `None` if the control plane does not lead.
    #[must_use]
    pub fn situation(&self) -> Option<Situation> {
        self.leads().then(|| self.situation.clone())
    }

    /// Returns the view. Its age is the time since the control plane last looked or was elected.
    #[must_use]
    pub fn snapshot(&self, now: Duration, source: Source, recent: &Recent) -> View {
        let empty = Tally::default();
        let tally = self.tally.as_ref().map_or(&empty, |(_, tally)| tally);
        let workers = self.workers(tally);
        let running = self.rebalance.as_ref().map(RunningRebalance::shown);
        let past = recent.rebalances.iter().filter_map(RebalanceView::of);
        let is_plain = |event: &&RecordedEvent| event.event.rebalance.is_none();
        let events = recent.events.iter().filter(is_plain).take(MOST_EVENTS);
        View {
            at: Timestamp::of(self.observed_at),
            age_ms: millis(now.saturating_sub(self.observed_at)),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            source,
            leader: self.leader.clone(),
            tick: TickView { number: tally.tick.0, length_ms: millis(tally.tick_length) },
            totals: self.totals(tally, workers.total),
            audit: self.audit.clone(),
            notices: notices::bounded(self.notices()),
            stores: self.servers(now),
            workers,
            map: SlotMap::of(tally.slots, &tally.cells, tally.loads.len()),
            rebalances: running.into_iter().chain(past).take(MOST_EVENTS).collect(),
            events: events.map(|event| EventView::of(event).cut()).collect(),
            autoscaler: self.autoscaler.clone(),
            may: Vec::new(),
        }
    }

    /// Returns all workers, by name.
    pub fn all_workers(&self) -> Vec<WorkerView> {
        let empty = Tally::default();
        let tally = self.tally.as_ref().map_or(&empty, |(_, tally)| tally);
        let pins = self.pins();
        self.names(tally).map(|(worker, phase)| self.worker(worker, phase, tally, &pins)).collect()
    }

    /// Returns the servers that the control plane uses.
    pub fn servers(&self, now: Duration) -> Vec<Server> {
        vec![self.store.shown(now), self.members.shown(now)]
    }

    /// Returns the notices about servers that are away.
    pub fn away(&self) -> Vec<Notice> {
        let away = |server: &ServerState, kind, what: &str| {
            let (error, since) = server.failure()?;
            Some(Notice::new(kind, format!("{what}: {error}"), since))
        };
        let store = away(&self.store, NoticeKind::StoreAway, "the store does not answer, and nothing can be seen or moved");
        let members = away(&self.members, NoticeKind::MembersAway, "the members cannot be read; only ticks and sessions count");
        store.into_iter().chain(members).collect()
    }

    fn resigned(&mut self) {
        (self.leader, self.rebalance, self.stalled) = (None, None, None);
        self.situation = Situation::default();
    }

    fn decided(&mut self, now: Duration, decision: &Decision, pending: usize) {
        if !self.members_fail {
            self.members.answered(now);
        }
        self.situation.phases.clone_from(&decision.phases);
        self.situation.waiting.clone_from(&decision.waiting);
        self.situation.pending = pending;
        self.stalled = decision.stalled.map(|stalled| (stalled, self.stalled.map_or(now, |(_, since)| since)));
        if pending == 0 && decision.plan.is_empty() {
            self.rebalance = None;
        }
    }

    /// Keeps a load of each tick, so that one of at least two ticks ago is known.
    fn keep_load(&mut self, tick: Tick, load: &SlotLoad) {
        let is_due = self.loads[0].as_ref().is_none_or(|(kept, _)| tick.since(*kept) >= 2);
        if is_due {
            self.loads[1] = self.loads[0].replace((tick, load.clone()));
        }
    }

    fn totals(&self, tally: &Tally, workers: u64) -> Totals {
        Totals {
            items: tally.items,
            slots: tally.slots as u64,
            workers,
            unowned_slots: tally.unowned,
            late_slots: tally.late,
            refused_items: self.reports.values().map(|(_, refused)| refused).sum(),
            increments_per_s: self.rate.per_second(tally.tick_length),
            most_over_mean: self.most_over_mean(tally),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a ratio for people to look at")]
    fn most_over_mean(&self, tally: &Tally) -> f64 {
        let able = |phase: MemberPhase| !phase.is_lost() && phase != MemberPhase::Starting;
        let carrying = self.names(tally).filter(|(worker, phase)| able(*phase) || tally.loads.contains_key(*worker)).count();
        let most = tally.loads.values().map(|load| load.items).max().unwrap_or(0);
        let total: u64 = tally.loads.values().map(|load| load.items).sum();
        let ratio = if total == 0 { 1.0 } else { most as f64 * carrying as f64 / total as f64 };
        (ratio * 1000.0).round() / 1000.0
    }

    fn notices(&self) -> Vec<Notice> {
        let mut notices = self.away();
        if let Some((silent, since)) = self.situation.held {
            let text = format!(
                "the mass-failure guard pauses rebalancing: {silent} of {} owned slots became silent at once",
                self.owned
            );
            notices.push(Notice::new(NoticeKind::Held, text, since));
        }
        if let Some((stalled, since)) = &self.stalled {
            let text = format!("the rollout makes no progress: {} workers of older revisions are left", stalled.older);
            notices.push(Notice::new(NoticeKind::Stalled, text, *since));
        }
        notices.extend(notices::of_wishes(&self.wishes));
        notices
    }

    fn workers(&self, tally: &Tally) -> WorkersView {
        let mut by_phase = BTreeMap::new();
        let mut all: Vec<_> = self.names(tally).collect();
        all.iter().for_each(|(_, phase)| *by_phase.entry(Phase::from(*phase)).or_default() += 1);
        let total = all.len() as u64;
        // The sort is stable, and they come by name.
        all.sort_by_key(|(_, phase)| *phase == MemberPhase::Healthy);
        all.truncate(MOST_WORKERS);
        let pins = self.pins();
        let shown = all.into_iter().map(|(worker, phase)| self.worker(worker, phase, tally, &pins)).collect();
        WorkersView { total, by_phase, shown }
    }

    /// Returns all members and owners of slots with their phases, by name. An owner whose phase is not known yet counts as starting.
    fn names<'a>(&'a self, tally: &'a Tally) -> impl Iterator<Item = (&'a WorkerId, MemberPhase)> {
        let phases = &self.situation.phases;
        let owners = tally.loads.keys().map(|worker| (worker, MemberPhase::Starting));
        let mut all: BTreeMap<&WorkerId, MemberPhase> = owners.collect();
        all.extend(phases.iter().map(|(worker, phase)| (worker, *phase)));
        all.into_iter()
    }

    /// Returns the number of slots pinned to each worker.
    fn pins(&self) -> BTreeMap<&WorkerId, u64> {
        self.steering.pins.values().fold(BTreeMap::new(), |mut pins, worker| {
            *pins.entry(worker).or_default() += 1;
            pins
        })
    }

    fn worker(&self, worker: &WorkerId, phase: MemberPhase, tally: &Tally, pins: &BTreeMap<&WorkerId, u64>) -> WorkerView {
        let WorkerLoad { slots, items } = tally.loads.get(worker).copied().unwrap_or_default();
        WorkerView {
            name: worker.to_string(),
            phase: phase.into(),
            slots,
            items,
            weight: self.steering.weights.get(worker).map_or(1, |weight| weight.get()),
            cordoned: self.steering.cordoned.contains(worker),
            draining: phase == MemberPhase::Draining || self.steering.drained.contains(worker),
            revision: self.reports.get(worker).and_then(|(revision, _)| revision.clone()),
            pinned_slots: pins.get(worker).copied().unwrap_or(0),
        }
    }
}

impl From<MemberPhase> for Phase {
    fn from(phase: MemberPhase) -> Self {
        match phase {
            MemberPhase::Starting => Self::Starting,
            MemberPhase::Healthy => Self::Healthy,
            MemberPhase::Unheard => Self::Unheard,
            MemberPhase::Draining => Self::Draining,
            MemberPhase::Barred => Self::Barred,
            MemberPhase::CutOff => Self::CutOff,
            // Every phase of this version is listed; Rust asks for this arm because later versions may add some.
            _ => Self::Dead,
        }
    }
}
