//! Log of events: what changed, when and why, for operators.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Cost, Slot, StoreError, WorkerId};

/// Number of events that a log keeps; older ones are deleted.
pub const EVENTS_KEPT: u64 = 10_000;

/// Time for which a log keeps an event.
pub const EVENT_KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Maximum number of events in one answer.
pub const EVENTS_PER_PAGE: usize = 1000;

/// Maximum length of a text of an event, in characters.
pub const EVENT_TEXT_LIMIT: usize = 4000;

/// Returns a text as stores keep it with an event: without NUL, which Postgres does not take, and cut to [`EVENT_TEXT_LIMIT`] characters.
#[must_use]
pub fn event_text(text: &str) -> String {
    text.chars().filter(|letter| *letter != '\0').take(EVENT_TEXT_LIMIT).collect()
}

/// Event as it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Kind.
    pub kind: EventKind,
    /// Worker that it concerns: the receiver, if slots moved.
    pub worker: Option<WorkerId>,
    /// Former owner, if slots moved.
    pub from: Option<WorkerId>,
    /// Cause, as [`Cause`](crate::Cause) or [`Reason`](crate::Reason) writes it, if it has one.
    pub cause: Option<String>,
    /// Operator who did it, if it was one.
    pub by: Option<String>,
    /// Text of one sentence.
    pub text: String,
    /// Slots that moved, in order.
    pub slots: Vec<Slot>,
    /// Figures of a rebalance.
    pub rebalance: Option<Rebalance>,
}

/// Figures of a rebalance, from its first plan until its last move was committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebalance {
    /// Slots and items of the planned moves.
    pub planned: Cost,
    /// Minimum that any plan to the same loads would move.
    pub minimum: Cost,
    /// Number of slots that moved.
    pub moved: u64,
    /// Duration.
    pub took: Duration,
}

/// Kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// Slots changed their owner.
    Moved,
    /// A rebalance has ended.
    Rebalance,
    /// The phase of a worker changed.
    Phase,
    /// The leader changed.
    Leader,
    /// The mass-failure guard paused rebalancing, or ended the pause.
    Hold,
    /// An operator made a wish or withdrew it.
    Wish,
    /// The number of workers was changed.
    Scale,
    /// A rollout makes no progress.
    Rollout,
    /// The store failed or answers again.
    Store,
    /// The membership failed, can be read again, or lists members of other installations.
    Members,
    /// The store's clock fell.
    Clock,
}

/// Event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Number; later events have greater ones. Some numbers may be missing.
    pub id: u64,
    /// Time at which it was recorded, by the store's clock, since the Unix epoch.
    pub at: Duration,
    /// The event.
    pub event: Event,
}

/// Selection of events. The default selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only events with a smaller number.
    pub before: Option<u64>,
    /// Only events with a greater number.
    pub after: Option<u64>,
    /// Only events that concern this worker, as [`worker`](Event::worker) or [`from`](Event::from).
    pub worker: Option<WorkerId>,
    /// Only events in which this slot moved.
    pub slot: Option<Slot>,
    /// Only events of this kind.
    pub kind: Option<EventKind>,
}

/// Log of events, bounded in number and age.
#[async_trait]
pub trait EventLog: fmt::Debug + Send + Sync {
    /// Appends events, with their texts as [`event_text`] writes them, and deletes those beyond [`EVENTS_KEPT`] or older than [`EVENT_KEPT_FOR`].
    ///
    /// # Errors
    /// If the store is unavailable, refuses the call, or does not answer. Some of the events may have been appended if it does not answer.
    async fn append(&self, events: &[Event]) -> Result<(), StoreError>;

    /// Returns the newest events that the filter selects, newest first, at most `limit` and at most [`EVENTS_PER_PAGE`].
    ///
    /// # Errors
    /// If the store is unavailable, refuses the call, or does not answer.
    async fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<RecordedEvent>, StoreError>;
}

impl Event {
    /// Returns an event with a kind and a text, and nothing else.
    #[must_use]
    pub fn new(kind: EventKind, text: impl Into<String>) -> Self {
        Self { kind, worker: None, from: None, cause: None, by: None, text: text.into(), slots: Vec::new(), rebalance: None }
    }
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Moved,
        Self::Rebalance,
        Self::Phase,
        Self::Leader,
        Self::Hold,
        Self::Wish,
        Self::Scale,
        Self::Rollout,
        Self::Store,
        Self::Members,
        Self::Clock,
    ];

    /// Returns the kind as lower-case text, as stores keep it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Rebalance => "rebalance",
            Self::Phase => "phase",
            Self::Leader => "leader",
            Self::Hold => "hold",
            Self::Wish => "wish",
            Self::Scale => "scale",
            Self::Rollout => "rollout",
            Self::Store => "store",
            Self::Members => "members",
            Self::Clock => "clock",
        }
    }

    /// Returns the kind that this text stands for; `None` if it is of another version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl EventFilter {
    /// True if it selects this event.
    #[must_use]
    pub fn selects(&self, RecordedEvent { id, event, .. }: &RecordedEvent) -> bool {
        let of_worker = |worker: &WorkerId| [&event.worker, &event.from].into_iter().flatten().any(|other| other == worker);
        self.before.is_none_or(|before| *id < before)
            && self.after.is_none_or(|after| *id > after)
            && self.kind.is_none_or(|kind| event.kind == kind)
            && self.worker.as_ref().is_none_or(of_worker)
            && self.slot.is_none_or(|slot| event.slots.contains(&slot))
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
