//! Rule of orphaned slots, for stores: a pure function over the state of all slots.

use std::collections::BTreeMap;

use crate::{ABANDONED_AFTER_TICKS, MemberKey, ORPHANED_AFTER_TICKS, Slot, SlotState, Tick};

/// Ticks subtracted from the tick in which an owner was given a slot, while there is a leader: a short grace period, not a sign of life.
const RESPITE: u64 = ABANDONED_AFTER_TICKS - ORPHANED_AFTER_TICKS - 1;

/// Result of [`orphans`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// These slots may be claimed, in order.
    Free(Vec<Slot>),
    /// No slot may be claimed.
    NotYet {
        /// Minimum number of ticks until one may be, as far as it can be told now.
        ticks: u64,
        /// Number of slots that no worker ticks at present: see [`Claim::NotYet`](crate::Claim::NotYet).
        unticked: usize,
    },
}

/// Returns the slots that a worker may [claim](crate::WorkStore::claim_orphans) in this tick.
///
/// `moved` is the tick in which each slot last changed its owner, by slot number. `led_since` is the tick in which the present leader was
/// elected; `None` if no lease has been valid for [`LEADERLESS_AFTER`](crate::LEADERLESS_AFTER). `well_since` is the first tick since which
/// the claimant has ticked without a gap. A store that has never had a leader lets nothing be claimed, and need not ask.
#[must_use]
pub fn orphans(slots: &[SlotState], moved: &[Tick], tick: Tick, led_since: Option<Tick>, well_since: Tick) -> Orphans {
    let Some(led_since) = led_since else {
        let signs = signs(slots, moved, 0);
        return Orphans::Free(silent(slots, true, &signs, |sign| tick.since(sign) > ORPHANED_AFTER_TICKS));
    };
    let is_long_ago = |then: Tick| tick.since(then.max(well_since)) >= ABANDONED_AFTER_TICKS;
    let with_respite = signs(slots, moved, RESPITE);
    let free = silent(slots, is_long_ago(led_since), &with_respite, is_long_ago);
    if !free.is_empty() {
        return Orphans::Free(free);
    }
    let unticked = silent(slots, true, &signs(slots, moved, 0), |sign| tick.since(sign) > ABANDONED_AFTER_TICKS / 2).len();
    let silent_since = with_respite.into_values().min().unwrap_or(tick).max(well_since);
    Orphans::NotYet { ticks: ABANDONED_AFTER_TICKS.saturating_sub(tick.since(silent_since)).max(1), unticked }
}

/// Returns the last sign of life of each owner: its last tick, or the tick in which it was last given a slot minus `given_before`.
fn signs<'a>(slots: &'a [SlotState], moved: &[Tick], given_before: u64) -> BTreeMap<&'a MemberKey, Tick> {
    let mut signs: BTreeMap<&MemberKey, Tick> = BTreeMap::new();
    for (slot, moved) in slots.iter().zip(moved) {
        if let Some(owner) = &slot.owner {
            let sign = signs.entry(owner).or_default();
            *sign = (*sign).max(slot.last_tick).max(Tick(moved.0.saturating_sub(given_before)));
        }
    }
    signs
}

/// Returns the slots whose owner `is_silent` at its last sign of life, and those without owner if `free` is true.
fn silent(slots: &[SlotState], free: bool, signs: &BTreeMap<&MemberKey, Tick>, is_silent: impl Fn(Tick) -> bool) -> Vec<Slot> {
    let is_orphan = |state: &SlotState| match &state.owner {
        Some(owner) => signs.get(owner).is_none_or(|sign| is_silent(*sign)),
        None => free,
    };
    (0..).map(Slot::new).zip(slots).filter(|(_, state)| is_orphan(state)).map(|(slot, _)| slot).collect()
}
