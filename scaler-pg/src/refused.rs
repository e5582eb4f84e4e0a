//! Items that Postgres refuses to change: they are left out of ticks, and each is retried with exponential back-off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scaler_core::{Incarnation, ItemId, MemberKey, RefusedItem, Slot, SlotCount, SlotRange, slot_of};
use uuid::Uuid;

const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Maximum wait between two attempts, after which an item that can be changed again is ticked.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Maximum number of items that are kept, about 100 bytes each. Any others are found again in each tick.
const MOST: usize = 100_000;
/// Maximum length of the message that is kept for an item, in characters: a trigger may raise any text.
const MOST_SAID: usize = 300;
/// Least key of all types.
const LEAST: ItemId = ItemId::Uuid(Uuid::nil());

/// Refused items of all owners that tick through this store.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Refused items by incarnation, slot and item.
    items: BTreeMap<(Incarnation, Slot, ItemId), Entry>,
    /// Ranges in which some items were not changed, for which the items and the reason are not known yet.
    unexplained: BTreeMap<(Incarnation, Slot), SlotRange>,
    /// Owners that could not change items of others when they last tried.
    barred: BTreeSet<Incarnation>,
}

#[derive(Debug)]
struct Entry {
    refusal: Arc<RefusedItem>,
    tries: u32,
    next_try: Duration,
}

/// Instructions for a tick around refused items of a slot range.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Detour {
    /// Items that are not tried now.
    pub(crate) left_out: Vec<ItemId>,
    /// Items that are retried, separately from the others.
    pub(crate) suspects: Vec<ItemId>,
    /// True if the tick must find items that are not changed although no statement fails.
    is_unexplained: bool,
}

impl Detour {
    /// True if the usual tick statement is not sufficient.
    pub(crate) const fn is_needed(&self) -> bool {
        !self.suspects.is_empty() || self.is_unexplained
    }
}

/// Result of a tick around refused items.
#[derive(Debug)]
pub(crate) struct Found {
    /// Refused items, with the reasons.
    pub(crate) refused: Vec<RefusedItem>,
    /// True if all slots were reached.
    pub(crate) is_whole: bool,
}

impl Refused {
    /// Returns how to tick this range at `now`: which items to leave out, and which to retry.
    pub(crate) fn detour(&self, owner: &MemberKey, range: SlotRange, now: Duration) -> Detour {
        let state = self.state();
        let is_unexplained = state.unexplained.get(&(owner.incarnation, Slot::new(range.first()))) == Some(&range);
        let mut detour = Detour { is_unexplained, ..Detour::default() };
        for (item, entry) in state.of(owner.incarnation, range) {
            let list = if entry.next_try <= now { &mut detour.suspects } else { &mut detour.left_out };
            list.push(item.clone());
        }
        detour
    }

    /// Records the result of a tick around refused items at `now`, in a store with `slots` slots.
    pub(crate) fn learn(
        &self,
        owner: &MemberKey,
        range: SlotRange,
        slots: SlotCount,
        tried: &Detour,
        found: Found,
        now: Duration,
    ) {
        let mut state = self.state();
        state.unexplained.remove(&(owner.incarnation, Slot::new(range.first())));
        let key = |item: &ItemId| (owner.incarnation, slot_of(item, slots), item.clone());
        let suspects: Vec<_> = tried.suspects.iter().map(key).collect();
        let mut before: BTreeMap<_, _> = suspects.into_iter().filter_map(|key| state.items.remove_entry(&key)).collect();
        for refusal in found.refused {
            let key = key(&refusal.item);
            let tries = before.remove(&key).map_or(0, |entry| entry.tries);
            if state.items.len() < MOST {
                let refusal = Arc::new(RefusedItem { why: cut(&refusal.why), ..refusal });
                state.items.insert(key, Entry { refusal, tries: tries + 1, next_try: now + wait_after(tries + 1) });
            }
        }
        if !found.is_whole {
            // Items that were not reached are retried in the next call.
            state.items.append(&mut before);
        }
    }

    /// Records that this owner could not change items of others.
    pub(crate) fn may_not_write(&self, owner: &MemberKey) {
        self.state().barred.insert(owner.incarnation);
    }

    /// Records that this owner could change an item of another one. If it could not before, the reason for which its own items were refused
    /// may be gone, too: each is retried in the next tick.
    pub(crate) fn may_write(&self, owner: &MemberKey) {
        let mut state = self.state();
        if state.barred.remove(&owner.incarnation) {
            let first = (owner.incarnation, Slot::new(0), LEAST);
            let of_owner = state.items.range_mut(first..).take_while(|((incarnation, ..), _)| *incarnation == owner.incarnation);
            of_owner.for_each(|(_, entry)| (entry.tries, entry.next_try) = (0, Duration::ZERO));
        }
    }

    /// Records that `count` items of this range were not changed although no statement failed. If more than the known ones, the next tick
    /// searches for them.
    pub(crate) fn missing(&self, owner: &MemberKey, range: SlotRange, count: u64) {
        let mut state = self.state();
        let known = state.of(owner.incarnation, range).count();
        if count > u64::try_from(known).unwrap_or(u64::MAX) && state.unexplained.len() < MOST {
            state.unexplained.insert((owner.incarnation, Slot::new(range.first())), range);
        }
    }

    /// Returns the first refused item of this range; `None` if there is none.
    pub(crate) fn first(&self, owner: &MemberKey, range: SlotRange) -> Option<Arc<RefusedItem>> {
        self.state().of(owner.incarnation, range).next().map(|(_, entry)| Arc::clone(&entry.refusal))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while the lock is held, so a poisoned state is consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of(&self, owner: Incarnation, range: SlotRange) -> impl Iterator<Item = (&ItemId, &Entry)> {
        let (first, end) = (Slot::new(range.first()), Slot::new(range.end()));
        self.items.range((owner, first, LEAST)..(owner, end, LEAST)).map(|((_, _, item), entry)| (item, entry))
    }
}

fn wait_after(tries: u32) -> Duration {
    let times = 2_u32.checked_pow(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(times).min(LONGEST_WAIT)
}

fn cut(said: &str) -> String {
    let mut letters = said.chars();
    let short: String = letters.by_ref().take(MOST_SAID).collect();
    if letters.next().is_some() { short + "..." } else { short }
}

#[cfg(test)]
mod tests {
    use scaler_core::WorkerId;

    use super::*;

    const SLOTS: SlotCount = SlotCount::DEFAULT;

    fn owner(life: u128) -> MemberKey {
        MemberKey { worker: WorkerId::new("a").unwrap(), incarnation: Incarnation::new(Uuid::from_u128(life)) }
    }

    fn item(number: u128) -> ItemId {
        ItemId::Uuid(Uuid::from_u128(number))
    }

    fn found(numbers: &[u128], is_whole: bool) -> Found {
        let refused = numbers.iter().map(|number| RefusedItem { item: item(*number), why: "no".to_owned() }).collect();
        Found { refused, is_whole }
    }

    fn sorted(mut ids: Vec<ItemId>) -> Vec<ItemId> {
        ids.sort_unstable();
        ids
    }

    #[test]
    fn waits_double_up_to_half_a_minute_and_an_item_that_is_accepted_is_forgotten() {
        let (refused, owner) = (Refused::default(), owner(1));
        let mut now = Duration::ZERO;
        refused.learn(&owner, SlotRange::ALL, SLOTS, &Detour::default(), found(&[1], true), now);
        let mut waits = Vec::new();
        for _ in 0..8 {
            let before = now;
            while !refused.detour(&owner, SlotRange::ALL, now).is_needed() {
                assert_eq!(refused.detour(&owner, SlotRange::ALL, now).left_out, [item(1)]);
                now += Duration::from_millis(500);
            }
            waits.push((now - before).as_secs());
            refused.learn(&owner, SlotRange::ALL, SLOTS, &refused.detour(&owner, SlotRange::ALL, now), found(&[1], true), now);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        now += LONGEST_WAIT;
        let detour = refused.detour(&owner, SlotRange::ALL, now);
        assert_eq!((detour.left_out.len(), &*detour.suspects), (0, &[item(1)][..]));
        refused.learn(&owner, SlotRange::ALL, SLOTS, &detour, found(&[], true), now);
        assert_eq!(refused.detour(&owner, SlotRange::ALL, now), Detour::default());
        assert!(refused.first(&owner, SlotRange::ALL).is_none());
    }

    #[test]
    fn items_that_were_not_reached_are_retried_at_once() {
        let (refused, owner) = (Refused::default(), owner(1));
        refused.learn(&owner, SlotRange::ALL, SLOTS, &Detour::default(), found(&[1, 2], true), Duration::ZERO);
        let now = FIRST_WAIT;
        let detour = refused.detour(&owner, SlotRange::ALL, now);
        assert_eq!(sorted(detour.suspects.clone()), [item(1), item(2)]);
        refused.learn(&owner, SlotRange::ALL, SLOTS, &detour, found(&[1], false), now);
        let detour = refused.detour(&owner, SlotRange::ALL, now);
        assert_eq!((&*detour.left_out, &*detour.suspects), (&[item(1)][..], &[item(2)][..]));
    }

    #[test]
    fn all_items_of_an_owner_are_tried_once_it_may_write_again() {
        let refused = Refused::default();
        for owner in [owner(1), owner(2)] {
            refused.learn(&owner, SlotRange::ALL, SLOTS, &Detour::default(), found(&[1, 2], true), Duration::ZERO);
        }
        let suspects = |life| refused.detour(&owner(life), SlotRange::ALL, Duration::ZERO).suspects.len();
        refused.may_write(&owner(1));
        assert_eq!(suspects(1), 0, "others may be written all the time: these two are refused for themselves");
        refused.may_not_write(&owner(1));
        assert_eq!(suspects(1), 0);
        refused.may_write(&owner(1));
        assert_eq!([suspects(1), suspects(2)], [2, 0]);
    }

    #[test]
    fn ranges_and_owners_do_not_mix() {
        let refused = Refused::default();
        refused.learn(&owner(1), SlotRange::ALL, SLOTS, &Detour::default(), found(&[1], true), Duration::ZERO);
        let slot = slot_of(&item(1), SLOTS).number();
        let left_out = |owner: &MemberKey, range| refused.detour(owner, range, Duration::ZERO).left_out.len();
        assert_eq!(left_out(&owner(1), SlotRange::new(slot..slot + 1)), 1);
        assert_eq!(left_out(&owner(1), SlotRange::new(0..slot)), 0);
        assert_eq!(left_out(&owner(1), SlotRange::new(slot + 1..SLOTS.get())), 0);
        assert_eq!(left_out(&owner(2), SlotRange::ALL), 0);
    }

    #[test]
    fn unexplained_refusals_are_searched_until_they_are_found() {
        let (refused, owner) = (Refused::default(), owner(1));
        refused.learn(&owner, SlotRange::ALL, SLOTS, &Detour::default(), found(&[1], true), Duration::ZERO);
        refused.missing(&owner, SlotRange::ALL, 1);
        assert!(!refused.detour(&owner, SlotRange::ALL, Duration::ZERO).is_needed(), "it is the known one");
        refused.missing(&owner, SlotRange::ALL, 2);
        let detour = refused.detour(&owner, SlotRange::ALL, Duration::ZERO);
        assert!(detour.is_needed());
        refused.learn(&owner, SlotRange::ALL, SLOTS, &detour, found(&[2], true), Duration::ZERO);
        assert!(!refused.detour(&owner, SlotRange::ALL, Duration::ZERO).is_needed());
    }

    #[test]
    fn the_number_of_kept_refusals_is_bounded() {
        let (refused, owner) = (Refused::default(), owner(1));
        let all: Vec<u128> = (0..150_000).collect();
        refused.learn(&owner, SlotRange::ALL, SLOTS, &Detour::default(), found(&all, true), Duration::ZERO);
        assert_eq!(refused.detour(&owner, SlotRange::ALL, Duration::ZERO).left_out.len(), MOST);
        assert_eq!(cut(&"ü".repeat(1000)).chars().count(), MOST_SAID + 3);
    }
}
