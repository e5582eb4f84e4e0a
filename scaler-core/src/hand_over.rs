//! Hand-over of work whose effect lies outside the store: time at which it may begin on a moved slot, and its fencing token.
//!
//! The fence of a [`WorkStore`](crate::WorkStore) protects only its own database. Work that calls another system may still be in progress when its
//! slot moves. A [`Gate`] in each worker then decides when work may begin:
//!
//! - [`HandOver::Overlap`]: at once. Work of the former owner may overlap with work of the new one.
//! - [`HandOver::Exclusive`]: when the former owner has acknowledged that its work has ended, or when the limit has passed. **If
//!   no piece of work takes longer than half of the limit, two workers never work on one slot at the same time**, whichever
//!   acknowledgements are lost and whichever workers die.
//!
//! A gate cannot stop a process that is paused during its work and resumes after the limit. Only the system that receives the
//! effect can: it must reject a [`Token`] that is older than one it has seen. So pass the token on wherever it can be checked.
//!
//! Acknowledgements may travel over any channel: a lost one costs a wait and nothing else. A [`Node`](crate::Node) keeps them in
//! the slot's row: it feeds its gate with [`WorkStore::holdings`](crate::WorkStore::holdings) and passes on what ends by
//! [`WorkStore::acknowledge`](crate::WorkStore::acknowledge).
//!
//! ```
//! use std::time::Duration;
//! use scaler_core::hand_over::{Gate, HandOver};
//! use scaler_core::{Epoch, Slot};
//!
//! let second = Duration::from_secs(1);
//! let mode = HandOver::Exclusive { limit: 10 * second };
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
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::{Epoch, Slot};

const ALL_SLOTS: RangeInclusive<Slot> = Slot::new(0)..=Slot::new(u32::MAX);

/// Mode of hand-over: condition for work outside the store to begin on a slot that this process has received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandOver {
    /// At once: two owners may overlap for the time that the former one takes to notice.
    Overlap,
    /// Once the former owner has acknowledged, or `limit` after the slot was received.
    Exclusive {
        /// Maximum wait; at least twice as long as the longest piece of work, or as work takes to stop when it is told to.
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

/// Statement that no worker works on the slot at this epoch or at any earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Acknowledgement {
    /// The slot.
    pub slot: Slot,
    /// Epoch that has ended.
    pub epoch: Epoch,
}

/// Decides when work of one process may begin. Times are from any monotonic clock of that process.
#[derive(Clone, Debug)]
pub struct Gate {
    mode: HandOver,
    turns: BTreeMap<(Slot, Epoch), Turn>,
    /// Latest epoch of each slot that is known to have ended.
    over: BTreeMap<Slot, Epoch>,
    looked_at: Duration,
}

/// One period in which this process holds a slot.
#[derive(Clone, Debug)]
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
        self.end_turns(now, ALL_SLOTS)
    }

    /// Records that this process, as requested at `asked_at`, still held exactly the slots of the last [`look`](Self::look).
    pub fn renew(&mut self, asked_at: Duration) {
        self.looked_at = self.looked_at.max(asked_at);
    }

    /// Returns the time until which work may go on without another look; `None` if without end.
    #[must_use]
    pub fn known_until(&self) -> Option<Duration> {
        match self.mode {
            HandOver::Overlap => None,
            HandOver::Exclusive { limit } => Some(self.looked_at + limit / 2),
        }
    }

    /// Returns the earliest time at which work that waits for a former owner may begin without an acknowledgement.
    #[must_use]
    pub fn clear_at(&self) -> Option<Duration> {
        let HandOver::Exclusive { limit } = self.mode else { return None };
        self.turns.values().filter(|turn| turn.held && !turn.clear).map(|turn| turn.came_at + limit).min()
    }

    /// Lets work begin whose wait is over. Returns the acknowledgements to broadcast.
    pub fn poll(&mut self, now: Duration) -> Vec<Acknowledgement> {
        self.end_turns(now, ALL_SLOTS)
    }

    /// Records an acknowledgement from another worker. Returns the acknowledgements to broadcast in turn.
    pub fn hear(&mut self, now: Duration, acknowledgement: Acknowledgement) -> Vec<Acknowledgement> {
        let over = self.over.entry(acknowledgement.slot).or_default();
        *over = acknowledgement.epoch.max(*over);
        self.end_turns(now, acknowledgement.slot..=acknowledgement.slot)
    }

    /// Returns the token of a slot on which work may begin; `None` as for [`begin`](Self::begin), which also counts the work.
    #[must_use]
    pub fn token(&self, now: Duration, slot: Slot) -> Option<Token> {
        let turns = self.turns.range((slot, Epoch(0))..=(slot, Epoch(u64::MAX)));
        let ((_, epoch), turn) = turns.rev().find(|(_, turn)| turn.held)?;
        let is_known = self.known_until().is_none_or(|until| now <= until);
        let over = self.over.get(&slot).copied();
        (is_known && (turn.clear || is_clear(self.mode, *epoch, over, turn.came_at, now)))
            .then_some(Token { slot, epoch: *epoch })
    }

    /// Begins a piece of work on a slot. `None` if the slot is not held, if its work may not begin yet, or if the last look is
    /// too old.
    pub fn begin(&mut self, now: Duration, slot: Slot) -> Option<Token> {
        let token = self.token(now, slot)?;
        let turn = self.turns.get_mut(&(slot, token.epoch))?;
        turn.clear = true;
        turn.in_flight += 1;
        Some(token)
    }

    /// Ends a piece of work. Returns the acknowledgements to broadcast.
    pub fn end(&mut self, now: Duration, token: Token) -> Vec<Acknowledgement> {
        if let Some(turn) = self.turns.get_mut(&(token.slot, token.epoch)) {
            turn.in_flight = turn.in_flight.saturating_sub(1);
        }
        self.end_turns(now, token.slot..=token.slot)
    }

    /// Ends the turns of these slots that are over. A turn is acknowledged only after those before it have ended or the limit has passed:
    /// if a process acknowledged its own turn earlier, the next owner would not know that an earlier one is still working.
    fn end_turns(&mut self, now: Duration, slots: RangeInclusive<Slot>) -> Vec<Acknowledgement> {
        let mut ended = Vec::new();
        let (mode, over) = (self.mode, &mut self.over);
        for ((slot, epoch), turn) in self.turns.range_mut((*slots.start(), Epoch(0))..=(*slots.end(), Epoch(u64::MAX))) {
            turn.clear |= is_clear(mode, *epoch, over.get(slot).copied(), turn.came_at, now);
            if !turn.held && turn.clear && turn.in_flight == 0 {
                ended.push(Acknowledgement { slot: *slot, epoch: *epoch });
                let over = over.entry(*slot).or_default();
                *over = (*epoch).max(*over);
            }
        }
        for Acknowledgement { slot, epoch } in &ended {
            self.turns.remove(&(*slot, *epoch));
        }
        ended
    }
}

fn is_clear(mode: HandOver, epoch: Epoch, over: Option<Epoch>, came_at: Duration, now: Duration) -> bool {
    match mode {
        HandOver::Overlap => true,
        // The first epoch has no earlier owner.
        HandOver::Exclusive { limit } => {
            let all_before_are_over = over.unwrap_or_default().next() >= epoch;
            all_before_are_over || now.saturating_sub(came_at) >= limit
        }
    }
}
