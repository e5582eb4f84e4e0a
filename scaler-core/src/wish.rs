//! Wishes of operators: rows that every leader obeys, and that outlive it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Event, EventKind, Slot, SlotCount, StoreError, Weight, WorkerId};

/// Maximum length of the name of an operator and of a note, in characters.
pub const WISH_TEXT_LIMIT: usize = 200;

/// Maximum weight that an operator can give a worker.
pub const WISH_WEIGHT_LIMIT: u32 = 1000;

/// Returns a text as stores keep it with a wish: without NUL, which Postgres does not take, and cut to [`WISH_TEXT_LIMIT`] characters.
#[must_use]
pub fn wish_text(text: &str) -> String {
    text.chars().filter(|letter| *letter != '\0').take(WISH_TEXT_LIMIT).collect()
}

/// Wish of an operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wish {
    /// No slot moves while its owner works, except away from workers that drain. Slots that no worker ticks still get an owner.
    Pause,
    /// The worker keeps its slots and receives no others.
    Cordon(WorkerId),
    /// The worker hands over all its slots and receives none. Its process goes on without work.
    Drain(WorkerId),
    /// The worker carries this share relative to the others.
    Weigh(WorkerId, Weight),
    /// The slot belongs to this worker as long as the worker may receive slots.
    Pin(Slot, WorkerId),
}

/// Subject of a wish. A new wish replaces the one with the same subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WishSubject {
    /// All rebalancing.
    Rebalancing,
    /// A worker, of which a cordon, a drain and a weight may exist side by side.
    Worker(WishKind, WorkerId),
    /// A slot.
    Slot(Slot),
}

/// Kind of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WishKind {
    /// [`Wish::Pause`].
    Pause,
    /// [`Wish::Cordon`].
    Cordon,
    /// [`Wish::Drain`].
    Drain,
    /// [`Wish::Weigh`].
    Weight,
    /// [`Wish::Pin`].
    Pin,
}

/// Wish as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedWish {
    /// The wish.
    pub wish: Wish,
    /// Operator who made it.
    pub by: String,
    /// Note of the operator; may be empty.
    pub note: String,
    /// Time at which it was made, by the store's clock, since the Unix epoch.
    pub since: Duration,
}

/// Wish that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWish {
    /// The slot does not exist.
    #[error("slot {slot} does not exist: there are {slots} slots, counted from 0")]
    NoSlot {
        /// The slot.
        slot: Slot,
        /// Number of slots.
        slots: SlotCount,
    },
    /// The weight exceeds [`WISH_WEIGHT_LIMIT`].
    #[error("weight {} exceeds {WISH_WEIGHT_LIMIT}: use a number from 1 to {WISH_WEIGHT_LIMIT}", .0.get())]
    TooHeavy(Weight),
}

/// Place in which operators' wishes are kept.
#[async_trait]
pub trait Wishes: fmt::Debug + Send + Sync {
    /// Returns all wishes, by subject.
    ///
    /// # Errors
    /// If the store is unavailable, refuses the call, or does not answer.
    async fn wishes(&self) -> Result<Vec<RecordedWish>, StoreError>;

    /// Keeps a wish in place of the one with the same subject, and records an [event](crate::EventLog) in the same step. Repeating it is
    /// safe: a wish that is already kept stays as it is, with its operator and its time.
    ///
    /// `by` and `note` are kept as [`wish_text`] writes them.
    ///
    /// # Errors
    /// If the wish [cannot be kept](Wish::check), or as for [`wishes`](Self::wishes).
    async fn wish(&self, wish: &Wish, by: &str, note: &str) -> Result<(), StoreError>;

    /// Removes the wish with this subject, and records an event in the same step. Returns false if there is none.
    ///
    /// # Errors
    /// As for [`wishes`](Self::wishes).
    async fn withdraw(&self, subject: &WishSubject, by: &str) -> Result<bool, StoreError>;
}

impl Wish {
    /// Checks the wish for a store with this many slots.
    ///
    /// # Errors
    /// [`InvalidWish`] if it pins a slot that does not exist, or its weight exceeds [`WISH_WEIGHT_LIMIT`].
    pub fn check(&self, slots: SlotCount) -> Result<(), InvalidWish> {
        match self {
            Self::Pin(slot, _) if slot.index() >= slots.len() => Err(InvalidWish::NoSlot { slot: *slot, slots }),
            Self::Weigh(_, weight) if weight.get() > WISH_WEIGHT_LIMIT => Err(InvalidWish::TooHeavy(*weight)),
            _ => Ok(()),
        }
    }

    /// Returns its subject.
    #[must_use]
    pub fn subject(&self) -> WishSubject {
        match self {
            Self::Pause => WishSubject::Rebalancing,
            Self::Cordon(worker) | Self::Drain(worker) | Self::Weigh(worker, _) => {
                WishSubject::Worker(self.kind(), worker.clone())
            }
            Self::Pin(slot, _) => WishSubject::Slot(*slot),
        }
    }

    /// Returns its kind.
    #[must_use]
    pub const fn kind(&self) -> WishKind {
        match self {
            Self::Pause => WishKind::Pause,
            Self::Cordon(_) => WishKind::Cordon,
            Self::Drain(_) => WishKind::Drain,
            Self::Weigh(..) => WishKind::Weight,
            Self::Pin(..) => WishKind::Pin,
        }
    }

    /// Returns the event that `by` made this wish.
    #[must_use]
    pub fn event(&self, by: &str, note: &str) -> Event {
        let text = if note.is_empty() { self.to_string() } else { format!("{self}: {note}") };
        Event { worker: self.worker().cloned(), by: Some(by.to_owned()), ..Event::new(EventKind::Wish, text) }
    }

    /// Returns the worker that it names; `None` for a pause.
    #[must_use]
    pub const fn worker(&self) -> Option<&WorkerId> {
        match self {
            Self::Pause => None,
            Self::Cordon(worker) | Self::Drain(worker) | Self::Weigh(worker, _) | Self::Pin(_, worker) => Some(worker),
        }
    }
}

impl fmt::Display for Wish {
    /// Writes the state that the wish asks for: `worker-1 is cordoned`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause => f.write_str("rebalancing is paused"),
            Self::Cordon(worker) => write!(f, "{worker} is cordoned"),
            Self::Drain(worker) => write!(f, "{worker} is drained"),
            Self::Weigh(worker, weight) => write!(f, "{worker} has weight {}", weight.get()),
            Self::Pin(slot, worker) => write!(f, "slot {slot} is pinned to {worker}"),
        }
    }
}

impl WishSubject {
    /// Returns the kind of its wishes.
    #[must_use]
    pub const fn kind(&self) -> WishKind {
        match self {
            Self::Rebalancing => WishKind::Pause,
            Self::Worker(kind, _) => *kind,
            Self::Slot(_) => WishKind::Pin,
        }
    }

    /// Returns the event that `by` withdrew the wish with this subject, which named this worker.
    #[must_use]
    pub fn event(&self, worker: Option<&WorkerId>, by: &str) -> Event {
        Event { worker: worker.cloned(), by: Some(by.to_owned()), ..Event::new(EventKind::Wish, self.to_string()) }
    }

    /// Returns its worker; `None` if it is about no worker.
    #[must_use]
    pub const fn worker(&self) -> Option<&WorkerId> {
        match self {
            Self::Worker(_, worker) => Some(worker),
            Self::Rebalancing | Self::Slot(_) => None,
        }
    }
}

impl fmt::Display for WishSubject {
    /// Writes the state after the wish is withdrawn: `worker-1 is no longer cordoned`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rebalancing => f.write_str("rebalancing is no longer paused"),
            Self::Worker(WishKind::Weight, worker) => write!(f, "{worker} has its usual weight"),
            Self::Worker(WishKind::Drain, worker) => write!(f, "{worker} is no longer drained"),
            Self::Worker(_, worker) => write!(f, "{worker} is no longer cordoned"),
            Self::Slot(slot) => write!(f, "slot {slot} is no longer pinned"),
        }
    }
}

impl WishKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Pause, Self::Cordon, Self::Drain, Self::Weight, Self::Pin];

    /// Returns the kind as lower-case text, as stores keep it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Cordon => "cordon",
            Self::Drain => "drain",
            Self::Weight => "weight",
            Self::Pin => "pin",
        }
    }

    /// Returns the kind that this text stands for; `None` if it is of another version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for WishKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
