//! State of the system at one moment, as operators' commands read it from the store and the membership.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scaler_core::control::{
    Change, ControlConfig, Heartbeat, MemberPhase, Observation, Preview, Session, Signals, Steering, Thresholds, phase_of,
    preview,
};
use scaler_core::{
    Assignment, Incarnation, InstallationId, MemberRecord, MemberState, RecordedWish, Slot, SlotLoad, StoreError, Tick, Wish,
    WorkStore, WorkerId,
};

use crate::text::millis;
use crate::utc::{age, utc};

/// Maximum number of pins that are named one by one.
const NAMED_PINS: usize = 3;

/// Slots, items, members and wishes, read one after the other.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The slots.
    pub assignment: Assignment,
    /// Number of items in the slots.
    pub load: SlotLoad,
    /// Members of this installation; `None` if the membership cannot be read.
    pub members: Option<Vec<MemberRecord>>,
    /// Members of other installations.
    pub strangers: Vec<MemberRecord>,
    /// Wishes of operators.
    pub wishes: Vec<RecordedWish>,
}

/// State of one worker that is a member or owns slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerState {
    /// Phase, as far as one look can tell it.
    pub phase: MemberPhase,
    /// Number of slots that it owns.
    pub slots: u64,
    /// Number of items in them.
    pub items: u64,
    /// Last tick of a slot of its own, or the last one that it reports if it owns none.
    pub last_tick: Option<Tick>,
    /// Its member record; `None` if it is no member or the members cannot be read.
    pub record: Option<MemberRecord>,
}

/// Signals of one worker, before its phase is known.
#[derive(Debug, Default)]
struct Found<'a> {
    slots: u64,
    items: u64,
    last_tick: Option<Tick>,
    incarnations: BTreeSet<Incarnation>,
    record: Option<&'a MemberRecord>,
}

impl Overview {
    /// Reads the store, and takes the members as they were read.
    ///
    /// # Errors
    /// If the store is unavailable, refuses, or does not answer.
    pub async fn read(store: &dyn WorkStore, members: Option<Vec<MemberRecord>>) -> Result<Self, StoreError> {
        let (assignment, load) = (store.assignment().await?, store.census().await?);
        let wishes = match store.wishes() {
            Some(wishes) => wishes.wishes().await?,
            None => Vec::new(),
        };
        let ours =
            |record: &MemberRecord| [assignment.installation, InstallationId::UNKNOWN].contains(&record.member.installation);
        let is_known = members.is_some();
        let (members, strangers): (Vec<_>, Vec<_>) = members.into_iter().flatten().partition(ours);
        Ok(Self { assignment, load, members: is_known.then_some(members), strangers, wishes })
    }

    /// Returns the wishes by subject.
    #[must_use]
    pub fn steering(&self) -> Steering {
        Steering::of(&self.wishes)
    }

    /// Returns the store's time, in whole ticks, since the Unix epoch.
    #[must_use]
    pub fn store_time(&self) -> Duration {
        let Assignment { tick, tick_length, .. } = self.assignment;
        Duration::from_millis(tick.0.saturating_mul(millis(tick_length)))
    }

    /// Returns what this leader would do on a change, or at present if it changes nothing.
    #[must_use]
    pub fn preview(&self, config: &ControlConfig, change: &Change) -> Preview {
        let seen = Observation {
            assignment: &self.assignment,
            asked_at: Duration::ZERO,
            answered_at: Duration::ZERO,
            members: self.members.as_deref(),
            load: &self.load,
            steering: &self.steering(),
        };
        preview(config, &seen, change)
    }

    /// Returns in one line each what operators asked for and what holds rebalancing, with time and operator.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let now = self.store_time();
        let (pins, others): (Vec<_>, Vec<_>) = self.wishes.iter().partition(|wish| matches!(wish.wish, Wish::Pin(..)));
        let mut notices: Vec<_> = others.iter().map(|wish| format!("{} {}", wish.wish, made(wish, now))).collect();
        if pins.len() > NAMED_PINS {
            let oldest = pins.iter().min_by_key(|wish| wish.since).map_or_else(String::new, |wish| made(wish, now));
            notices.push(format!("{} slots are pinned, the first {oldest}", pins.len()));
        } else {
            notices.extend(pins.iter().map(|wish| format!("{} {}", wish.wish, made(wish, now))));
        }
        if let Some(silent) = self.preview(&ControlConfig::default(), &Change::default()).silent {
            notices.push(format!("the mass-failure guard holds rebalancing: {silent} slots are silent at once"));
        }
        notices
    }

    /// Returns the number of slots without an owner.
    #[must_use]
    pub fn unowned(&self) -> usize {
        self.assignment.slots.iter().filter(|slot| slot.owner.is_none()).count()
    }

    /// Returns the owner of a slot; `None` if it has none or does not exist.
    #[must_use]
    pub fn owner(&self, slot: Slot) -> Option<&WorkerId> {
        self.assignment.slots.get(slot.index())?.owner.as_ref().map(|owner| &owner.worker)
    }

    /// True if the worker is a member or owns slots.
    #[must_use]
    pub fn knows(&self, worker: &WorkerId) -> bool {
        let is_owner =
            || self.assignment.slots.iter().any(|slot| slot.owner.as_ref().is_some_and(|owner| owner.worker == *worker));
        self.members.iter().flatten().any(|record| record.member.key.worker == *worker) || is_owner()
    }

    /// Returns the workers that are members or own slots.
    #[must_use]
    pub fn workers(&self) -> BTreeMap<WorkerId, WorkerState> {
        let mut workers: BTreeMap<WorkerId, Found<'_>> = BTreeMap::new();
        for (slot, state) in (0..).map(Slot::new).zip(&self.assignment.slots) {
            let Some(owner) = &state.owner else { continue };
            let found = workers.entry(owner.worker.clone()).or_default();
            found.slots += 1;
            found.items += u64::from(self.load.of(slot));
            found.last_tick = found.last_tick.max(Some(state.last_tick));
            found.incarnations.insert(owner.incarnation);
        }
        for record in self.members.iter().flatten() {
            let found = workers.entry(record.member.key.worker.clone()).or_default();
            found.last_tick = found.last_tick.max(record.member.last_tick);
            found.incarnations.insert(record.member.key.incarnation);
            found.record = Some(record);
        }
        let state = |found: Found<'_>| WorkerState {
            phase: self.phase(&found),
            slots: found.slots,
            items: found.items,
            last_tick: found.last_tick,
            record: found.record.cloned(),
        };
        workers.into_iter().map(|(worker, found)| (worker, state(found))).collect()
    }

    fn phase(&self, found: &Found<'_>) -> MemberPhase {
        let signals = Signals {
            heartbeat: match (&self.members, found.record) {
                (None, _) => Heartbeat::Unknown,
                (_, None) => Heartbeat::Absent,
                (_, Some(record)) => Heartbeat::Heard(record.age),
            },
            state: found.record.map(|record| record.member.state),
            // The current tick may still come.
            missed: found.last_tick.map(|last| self.assignment.tick.since(last).saturating_sub(1)),
            session: match &self.assignment.sessions {
                None => Session::Unknown,
                Some(open) if found.incarnations.is_disjoint(open) => Session::Gone,
                Some(_) => Session::Open,
            },
        };
        phase_of(&signals, &Thresholds::default())
    }
}

impl WorkerState {
    /// Returns the age of its last heartbeat; `None` if it is no member or the members cannot be read.
    #[must_use]
    pub fn heartbeat(&self) -> Option<Duration> {
        self.record.as_ref().map(|record| record.age)
    }

    /// Returns the revision that it reports.
    #[must_use]
    pub fn revision(&self) -> Option<&str> {
        self.record.as_ref()?.member.revision.as_deref()
    }

    /// True if it has slots or may be given some.
    #[must_use]
    pub fn carries(&self) -> bool {
        self.slots > 0 || matches!(self.phase, MemberPhase::Healthy | MemberPhase::Unheard)
    }

    /// Describes in one line what Postgres refuses to it; `None` if it refuses nothing.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        self.record.as_ref().and_then(refusal)
    }
}

/// Returns when and by whom a wish was made: `since 2026-11-27T18:24:42.123Z (3 h ago) by alice: disk`.
#[must_use]
pub fn made(wish: &RecordedWish, now: Duration) -> String {
    let note = if wish.note.is_empty() { String::new() } else { format!(": {}", wish.note) };
    format!("since {} ({} ago) by {}{note}", utc(wish.since), age(now.saturating_sub(wish.since)), wish.by)
}

/// Describes in one line what Postgres refuses to a member; `None` if it refuses nothing.
#[must_use]
pub fn refusal(record: &MemberRecord) -> Option<String> {
    let member = &record.member;
    let (worker, refusal) = (&member.key.worker, member.refusal.as_ref()?);
    Some(match member.state {
        MemberState::Barred => format!("{worker}: Postgres refuses all writes of this worker: {refusal}"),
        _ => format!("{worker}: Postgres refuses to change {} items; {refusal}", member.refused),
    })
}
