//! For work whose effect lies outside the store: when it may begin on a slot that has come, and with which fencing token.
//!
//! The fence of a [`WorkStore`] ends where its database ends. Work that calls somebody else may still be under way when its slot
//! moves. A [`Gate`] in each worker then says when work may begin:
//!
//! - [`HandOver::Atomic`]: at once. The work of the giver may overlap with that of the receiver.
//! - [`HandOver::DrainAck`]: when the giver has acknowledged that its work has ended, or when the limit is over. **While no piece of work
//!   takes longer than half of the limit, no two workers work on one slot at once**, whichever acknowledgements are lost and whoever dies.
//!
//! What no gate can stop is a process that stands still in the midst of its work and wakes after the limit. Only whoever carries the
//! effect out can: by refusing a [`Token`] that is older than one it has seen. So pass the token on wherever it can be checked.
//!
//! Acknowledgements travel by whatever channel there is, to everybody: each that is lost costs a wait and nothing else. The
//! control plane, the worker and their stores do not use this; it stands beside them, fed by [`WorkStoreExt::holdings`].
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
//! let token = giver.begin(now, slot).expect("nobody had the slot before");
//! assert_eq!(token.to_string(), "slot 7 at epoch 1"); // goes with the call to the outside
//!
//! now += second; // The slot moves while the work is under way.
//! assert!(giver.look(now, now, []).is_empty());
//! receiver.look(now, now, [(slot, Epoch(2))]);
//! assert!(receiver.begin(now, slot).is_none(), "the giver may still be at work");
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

/// When work outside the store may begin on a slot that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandOver {
    /// At once.
    Atomic,
    /// When its giver has acknowledged, or `limit` after it has come.
    DrainAck {
        /// At least twice as long as the longest piece of work.
        limit: Duration,
    },
}

/// The fencing token: who carries the effect out refuses one of an epoch before the latest that it has seen for the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// The slot that is worked on.
    pub slot: Slot,
    /// The version of its ownership.
    pub epoch: Epoch,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {} at epoch {}", self.slot.number(), self.epoch)
    }
}

/// Says to everybody: nobody works on the slot at this epoch, or at any before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Acknowledgement {
    /// The slot.
    pub slot: Slot,
    /// The epoch that is over.
    pub epoch: Epoch,
}

/// Lets the work of one process begin. Times are of any clock of that process that never falls.
#[derive(Debug)]
pub struct Gate {
    mode: HandOver,
    turns: BTreeMap<(Slot, Epoch), Turn>,
    /// The latest epoch of each slot that is known to be over.
    over: BTreeMap<Slot, Epoch>,
    looked_at: Duration,
}

/// One slot's time with this process.
#[derive(Debug)]
struct Turn {
    came_at: Duration,
    held: bool,
    /// Nobody before works on it any more.
    clear: bool,
    in_flight: u32,
}

impl Gate {
    /// A gate of a process that holds nothing yet.
    #[must_use]
    pub const fn new(mode: HandOver) -> Self {
        Self { mode, turns: BTreeMap::new(), over: BTreeMap::new(), looked_at: Duration::ZERO }
    }

    /// Takes in which slots this process holds, as asked for at `asked_at` and known `now`. Gives what to tell everybody.
    ///
    /// Work may begin for half of the limit after a look, so look at least that often.
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
        self.rebalance_load(now)
    }

    /// Takes in what somebody tells everybody. Gives what to tell in turn.
    pub fn hear(&mut self, now: Duration, acknowledgement: Acknowledgement) -> Vec<Acknowledgement> {
        let over = self.over.entry(acknowledgement.slot).or_default();
        *over = acknowledgement.epoch.max(*over);
        self.rebalance_load(now)
    }

    /// Begins a piece of work on a slot; `None` when it is not held, or not yet, or was not looked at for too long.
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

    /// A piece of work has ended. Gives what to tell everybody.
    pub fn end(&mut self, now: Duration, token: Token) -> Vec<Acknowledgement> {
        if let Some(turn) = self.turns.get_mut(&(token.slot, token.epoch)) {
            turn.in_flight = turn.in_flight.saturating_sub(1);
        }
        self.rebalance_load(now)
    }

    /// Ends the turns that are over. Who had to wait for somebody before it answers for that one too: were it to say of its own
    /// turn that it is over, the next would not know that an earlier one is still at work.
    fn rebalance_load(&mut self, now: Duration) -> Vec<Acknowledgement> {
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
        // Before the first owner there was none.
        HandOver::DrainAck { limit } => {
            let all_before_are_over = over.unwrap_or_default().next() >= epoch;
            all_before_are_over || now.saturating_sub(came_at) >= limit
        }
    }
}

/// Conveniences over any store.
#[async_trait]
pub trait WorkStoreExt: WorkStore {
    /// The slots of a member, each with its epoch: what a [`Gate`] looks at. Reads the whole assignment, which a role that may only execute
    /// functions cannot.
    ///
    /// # Errors
    /// As for [`WorkStore::assignment`].
    async fn holdings(&self, owner: &MemberKey) -> Result<Vec<(Slot, Epoch)>, StoreError> {
        let slots = (0..).map(Slot::new).zip(self.assignment().await?.slots);
        Ok(slots.filter(|(_, state)| state.owner.as_ref() == Some(owner)).map(|(slot, state)| (slot, state.epoch)).collect())
    }
}

impl<S: WorkStore + ?Sized> WorkStoreExt for S {}
