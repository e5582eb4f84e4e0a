//! Orphaned slots: a pure rule over the rows of all slots.

use std::collections::BTreeMap;

use scaler_core::{ABANDONED_AFTER_TICKS, ORPHANED_AFTER_TICKS, Tick};

/// Ticks subtracted from the tick in which an owner was given a slot, while there is a leader: a short grace period, not a sign of life.
const RESPITE: u64 = ABANDONED_AFTER_TICKS - ORPHANED_AFTER_TICKS - 1;

/// Slot, as the rule sees it.
#[derive(Clone, Debug)]
pub(crate) struct OwnedSlot {
    /// Number of the slot.
    pub(crate) slot: i64,
    /// Name and incarnation of its owner.
    pub(crate) owner: Option<(String, String)>,
    /// Last tick that was done for it.
    pub(crate) last_tick: Tick,
    /// Tick in which it last changed its owner.
    pub(crate) moved: Tick,
}

/// Result of the rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Orphans {
    /// These slots may be claimed.
    Free(Vec<i64>),
    /// Nothing may be claimed for at least this number of ticks; this many slots are not ticked at present.
    NotYet { ticks: u64, unticked: usize },
}

/// Returns the orphans in this tick. `led_since` is the tick of the present leader's election, or `None` if there has been no leader for
/// long; `well_since` is the tick since which the claimant has ticked without a gap.
pub(crate) fn orphans(slots: &[OwnedSlot], tick: Tick, led_since: Option<Tick>, well_since: Tick) -> Orphans {
    let Some(led_since) = led_since else {
        return Orphans::Free(silent(slots, true, &signs(slots, 0), |sign| tick.since(sign) > ORPHANED_AFTER_TICKS));
    };
    let is_long_ago = |then: Tick| tick.since(then.max(well_since)) >= ABANDONED_AFTER_TICKS;
    let signs_of_life = signs(slots, RESPITE);
    let free = silent(slots, is_long_ago(led_since), &signs_of_life, is_long_ago);
    if !free.is_empty() {
        return Orphans::Free(free);
    }
    let unticked = silent(slots, true, &signs(slots, 0), |sign| tick.since(sign) > ABANDONED_AFTER_TICKS / 2).len();
    let silent_since = signs_of_life.into_values().min().unwrap_or(tick).max(well_since);
    Orphans::NotYet { ticks: ABANDONED_AFTER_TICKS.saturating_sub(tick.since(silent_since)).max(1), unticked }
}

type Signs<'a> = BTreeMap<&'a (String, String), Tick>;

/// Returns the last sign of life of each owner: its last tick, or the tick in which it was last given a slot minus `given_before`.
fn signs(slots: &[OwnedSlot], given_before: u64) -> Signs<'_> {
    let mut signs = Signs::new();
    for slot in slots {
        if let Some(owner) = &slot.owner {
            let sign = signs.entry(owner).or_default();
            *sign = (*sign).max(slot.last_tick).max(Tick(slot.moved.0.saturating_sub(given_before)));
        }
    }
    signs
}

/// Returns the slots whose owner `is_silent` at its last sign of life, and those without owner if `free` is true.
fn silent(slots: &[OwnedSlot], free: bool, signs: &Signs<'_>, is_silent: impl Fn(Tick) -> bool) -> Vec<i64> {
    let is_orphan =
        |slot: &&OwnedSlot| slot.owner.as_ref().map_or(free, |owner| signs.get(owner).is_none_or(|sign| is_silent(*sign)));
    slots.iter().filter(is_orphan).map(|slot| slot.slot).collect()
}
