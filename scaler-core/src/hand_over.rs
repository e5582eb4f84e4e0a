//! Hand-over of work whose effect lies outside the store: time at which it may begin on a moved slot, and its fencing token.
//!
//! The fence of a [`WorkStore`] protects only its own database. Work that calls another system may still be in progress when its
//! slot moves. A [`Gate`] in each worker then decides when work may begin:
//!
//! - [`HandOver::Atomic`]: at once. Work of the former owner may overlap with work of the new one.
//! - [`HandOver::DrainAck`]: when the former owner has acknowledged that its work has ended, or when the limit has passed. **If
//!   no piece of work takes longer than half of the limit, two workers never work on one slot at the same time**, whichever
//!   acknowledgements are lost and whichever workers die.
//!
//! A gate cannot stop a process that is paused during its work and resumes after the limit. Only the system that receives the
//! effect can: it must reject a [`Token`] that is older than one it has seen. So pass the token on wherever it can be checked.
//!
//! Acknowledgements may be broadcast over any channel: a lost one costs a wait and nothing else. The control plane, the worker
//! and their stores do not use this module; the caller feeds it with [`WorkStoreExt::holdings`].
//!
//! ```
//! use std::time::Duration;
//! use scaler_core::hand_over::{Gate, HandOver};
//! use scaler_core::{Epoch, Slot};
//!
//! let second = Duration::from_secs(1);
//! let mode = HandOver::DrainAck { limit: 10 * second };
//! let (mut giver, mut receiver) = (Gate::new(mode), Gate::new(mode));
//! let (slot, mut now) = (Slot::new(7), second);
//!
//! giver.look(now, now, [(slot, Epoch(1))]);
//! let token = giver.begin(now, slot).expect("the slot had no earlier owner");
//! assert_eq!(token.to_string(), "slot 7 at epoch 1"); // goes with the call to the outside
//!
//! now += second; // The slot moves while the work is under way.
//! assert!(giver.look(now, now, []).is_empty());
//! receiver.look(now, now, [(slot, Epoch(2))]);
//! assert!(receiver.begin(now, slot).is_none(), "the former owner may still be working");
//!
//! for acknowledgement in giver.end(now, token) {
//!     receiver.hear(now, acknowledgement);
//! }
//! assert!(receiver.begin(now, slot).is_some());
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Epoch, MemberKey, Slot, StoreError, WorkStore};

/// Mode of hand-over: condition for work outside the store to begin on a slot that this process has received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandOver {
    /// At once.
    Atomic,
    /// Once the former owner has acknowledged, or `limit` after the slot was received.
    DrainAck {
        /// Maximum wait; at least twice as long as the longest piece of work.
        limit: Duration,
    },
}

/// Fencing token of a slot. The system that receives the effect rejects a token with an epoch below the highest that it has seen
/// for the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// Slot that is worked on.
    pub slot: Slot,
    /// Version of its ownership.
    pub epoch: Epoch,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {} at epoch {}", self.slot.number(), self.epoch)
    }
}

/// Broadcast that no worker works on the slot at this epoch or at any earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Acknowledgement {
    /// The slot.
    pub slot: Slot,
    /// Epoch that has ended.
    pub epoch: Epoch,
}

/// Decides when work of one process may begin. Times are from any monotonic clock of that process.
#[derive(Debug)]
pub struct Gate {
    mode: HandOver,
    turns: BTreeMap<(Slot, Epoch), Turn>,
    /// Latest epoch of each slot that is known to have ended.
    over: BTreeMap<Slot, Epoch>,
    looked_at: Duration,
}

/// One period in which this process holds a slot.
#[derive(Debug)]
struct Turn {
    came_at: Duration,
    held: bool,
    /// True if no earlier owner works on it any more.
    clear: bool,
    in_flight: u32,
}

impl Gate {
    /// Returns the gate of a process that holds no slots yet.
    #[must_use]
    pub const fn new(mode: HandOver) -> Self {
        Self { mode, turns: BTreeMap::new(), over: BTreeMap::new(), looked_at: Duration::ZERO }
    }

    /// Updates the set of slots that this process holds, as requested at `asked_at` and known at `now`. Returns the
    /// acknowledgements to broadcast.
    ///
    /// Work may begin for half of the limit after `asked_at`, so call this at least that often.
    pub fn look(
        &mut self,
        asked_at: Duration,
        now: Duration,
        held: impl IntoIterator<Item = (Slot, Epoch)>,
    ) -> Vec<Acknowledgement> {
        self.looked_at = asked_at;
        self.turns.values_mut().for_each(|turn| turn.held = false);
        for key in held {
            let new = Turn { came_at: now, held: true, clear: false, in_flight: 0 };
            self.turns.entry(key).or_insert(new).held = true;
        }
        self.end_turns(now)
    }

    /// Records an acknowledgement from another worker. Returns the acknowledgements to broadcast in turn.
    pub fn hear(&mut self, now: Duration, acknowledgement: Acknowledgement) -> Vec<Acknowledgement> {
        let over = self.over.entry(acknowledgement.slot).or_default();
        *over = acknowledgement.epoch.max(*over);
        self.end_turns(now)
    }

    /// Begins a piece of work on a slot. `None` if the slot is not held, if its work may not begin yet, or if the last look is
    /// too old.
    pub fn begin(&mut self, now: Duration, slot: Slot) -> Option<Token> {
        let (mode, looked_at, over) = (self.mode, self.looked_at, self.over.get(&slot).copied());
        let turns = self.turns.range_mut((slot, Epoch(0))..=(slot, Epoch(u64::MAX)));
        let ((_, epoch), turn) = turns.filter(|(_, turn)| turn.held).last()?;
        let is_known = match mode {
            HandOver::Atomic => true,
            HandOver::DrainAck { limit } => now.saturating_sub(looked_at) <= limit / 2,
        };
        turn.clear |= is_clear(mode, *epoch, over, turn.came_at, now);
        (is_known && turn.clear).then(|| {
            turn.in_flight += 1;
            Token { slot, epoch: *epoch }
        })
    }

    /// Ends a piece of work. Returns the acknowledgements to broadcast.
    pub fn end(&mut self, now: Duration, token: Token) -> Vec<Acknowledgement> {
        if let Some(turn) = self.turns.get_mut(&(token.slot, token.epoch)) {
            turn.in_flight = turn.in_flight.saturating_sub(1);
        }
        self.end_turns(now)
    }

    /// Ends the turns that are over. A turn is acknowledged only after those before it have ended or the limit has passed: if a
    /// process acknowledged its own turn earlier, the next owner would not know that an earlier one is still working.
    fn end_turns(&mut self, now: Duration) -> Vec<Acknowledgement> {
        let mut told = Vec::new();
        let (mode, over) = (self.mode, &mut self.over);
        self.turns.retain(|(slot, epoch), turn| {
            turn.clear |= is_clear(mode, *epoch, over.get(slot).copied(), turn.came_at, now);
            let ends = !turn.held && turn.clear && turn.in_flight == 0;
            if ends {
                told.push(Acknowledgement { slot: *slot, epoch: *epoch });
                let over = over.entry(*slot).or_default();
                *over = (*epoch).max(*over);
            }
            !ends
        });
        told
    }
}

fn is_clear(mode: HandOver, epoch: Epoch, over: Option<Epoch>, came_at: Duration, now: Duration) -> bool {
    match mode {
        HandOver::Atomic => true,
        // The first epoch has no earlier owner.
        HandOver::DrainAck { limit } => {
            let all_before_are_over = over.unwrap_or_default().next() >= epoch;
            all_before_are_over || now.saturating_sub(came_at) >= limit
        }
    }
}

/// Convenience methods for any [`WorkStore`].
#[async_trait]
pub trait WorkStoreExt: WorkStore {
    /// Returns the slots of a member, each with its epoch, as input of [`Gate::look`]. It reads the whole assignment, which a
    /// database role that may only execute functions cannot.
    ///
    /// # Errors
    /// As for [`WorkStore::assignment`].
    async fn holdings(&self, owner: &MemberKey) -> Result<Vec<(Slot, Epoch)>, StoreError> {
        let slots = (0..).map(Slot::new).zip(self.assignment().await?.slots);
        Ok(slots.filter(|(_, state)| state.owner.as_ref() == Some(owner)).map(|(slot, state)| (slot, state.epoch)).collect())
    }
}

impl<S: WorkStore + ?Sized> WorkStoreExt for S {}
