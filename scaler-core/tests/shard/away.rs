//! A shard that is away, whose clock differs, or that belongs to others.

use std::error::Error;
use std::sync::Arc;

use scaler_core::memory::MemoryStore;
use scaler_core::shard::{InvalidShardedStore, ShardError, ShardMap, ShardedStore};
use scaler_core::testing::SetClock;
use scaler_core::{
    Cause, Claim, Clock, Election, Epoch, ErrorClass, Hearing, InstallationId, ItemId, LEADERLESS_AFTER, Outcome, Slot,
    SlotCount, SlotRange, StoreError, Term, Tick, Timing, TokioClock, Transfer, WorkStore,
};
use uuid::Uuid;

use crate::desk::{Desk, RANGES, SECOND, desk, map, member, slots, switched};

/// Number of the shard that goes away.
const AWAY: usize = 2;

#[tokio::test]
async fn a_shard_that_is_away_stops_its_own_slots_only() {
    let desk = desk();
    let items = desk.with_items(300);
    desk.give_all("a").await;
    desk.shards()[AWAY].set_away(true);
    let error = desk.store.tick(&member("a"), SlotRange::ALL).await.unwrap_err();
    assert_eq!(error.to_string(), "the test: the store is unavailable: shard 101..256: connection refused");
    assert_eq!(error.class(), ErrorClass::Transient);
    let shard = error.source().unwrap().downcast_ref::<ShardError>().unwrap();
    assert_eq!(shard.range, SlotRange::new(101..256));
    for item in &items {
        let ticked = u64::from(desk.store.map().shard_of(item) != AWAY);
        assert_eq!(desk.shard_of(item).rows().iter().find(|row| row.id == *item).unwrap().value, ticked, "{item}");
    }
    desk.shards()[AWAY].set_away(false);
    let report = desk.store.tick(&member("a"), SlotRange::ALL).await.unwrap();
    assert_eq!(report.ticked, 155, "the others have had this tick");
}

#[tokio::test]
async fn a_call_for_one_range_needs_no_other_shard() {
    let desk = desk();
    desk.with_items(300);
    desk.give_all("a").await;
    desk.shards()[AWAY].set_away(true);
    let owner = member("a");
    let report = desk.store.tick(&owner, SlotRange::new(0..101)).await.unwrap();
    assert_eq!((report.owned, report.ticked), (101, 101));
    assert!(!desk.store.items(&owner, SlotRange::new(50..101)).await.unwrap().is_empty());
    assert_eq!(desk.store.holdings(&owner, SlotRange::new(99..101)).await.unwrap().len(), 2);
    assert!(desk.store.holdings(&owner, SlotRange::new(99..102)).await.is_err());
}

#[tokio::test]
async fn the_assignment_by_shard_names_the_one_that_is_missing() {
    let desk = desk();
    desk.give_all("a").await;
    desk.shards()[AWAY].set_away(true);
    assert!(desk.store.assignment().await.is_err());
    let answers = desk.store.assignment_by_shard().await;
    let known: Vec<_> = answers.iter().map(|(range, answer)| (range.first(), answer.is_ok())).collect();
    assert_eq!(known, [(0, true), (100, true), (101, false)]);
    let owned = answers[0].1.as_ref().unwrap().slots.iter().filter(|slot| slot.owner.is_some()).count();
    assert_eq!(owned, 100);
}

#[tokio::test]
async fn nobody_leads_while_a_shard_is_away_and_no_lease_is_left_behind() {
    let desk = desk();
    desk.shards()[AWAY].set_away(true);
    assert!(desk.campaign(1).await.is_err());
    desk.shards()[AWAY].set_away(false);
    let term = desk.campaign(2).await.unwrap().expect("the first two were given back");
    assert_eq!(desk.campaign(1).await.unwrap(), None);
    assert!(desk.store.renew(&term, 15 * SECOND, Hearing::Members).await.unwrap());
}

#[tokio::test]
async fn a_leader_that_lost_one_shard_is_deposed_there_and_is_told() {
    let desk = desk();
    let term = desk.campaign(1).await.unwrap().unwrap();
    tokio::time::advance(60 * SECOND).await;
    let other = desk.shards()[AWAY].campaign(Uuid::from_u128(9), 15 * SECOND, Hearing::Members).await.unwrap().unwrap();
    let outcome = desk.store.commit(&term, &[transfer(5, "a"), transfer(200, "a")]).await.unwrap();
    let Outcome::Committed { moved, refused } = outcome else { panic!("{outcome:?}") };
    assert_eq!((moved, refused[0].slot), (vec![Slot::new(5)], Slot::new(200)));
    assert_eq!(desk.store.commit(&term, &[transfer(201, "a")]).await.unwrap(), Outcome::Deposed);
    assert!(!desk.store.renew(&term, 15 * SECOND, Hearing::Members).await.unwrap());
    desk.shards()[AWAY].resign(&other).await.unwrap();
    assert!(desk.campaign(2).await.unwrap().is_some(), "it has given up the other shards");
}

#[tokio::test]
async fn a_term_that_another_process_won_moves_nothing() {
    let desk = desk();
    let shards = desk.store.shards().map(|(_, shard)| Arc::clone(shard)).collect();
    let other = ShardedStore::new(map(), shards).unwrap();
    let term = other.campaign(Uuid::from_u128(1), 15 * SECOND, Hearing::Members).await.unwrap().unwrap();
    assert_eq!(desk.store.commit(&term, &[transfer(5, "a")]).await.unwrap(), Outcome::Deposed);
}

#[tokio::test]
async fn a_slot_that_does_not_exist_is_refused() {
    let desk = desk();
    let term = desk.campaign(1).await.unwrap().unwrap();
    let outcome = desk.store.commit(&term, &[transfer(256, "a")]).await.unwrap();
    assert!(
        matches!(outcome, Outcome::Committed { ref moved, ref refused } if moved.is_empty() && refused.len() == 1),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn claims_of_all_shards_keep_within_the_limit() {
    let desk = desk();
    desk.campaign(1).await.unwrap().unwrap();
    tokio::time::advance(15 * SECOND + LEADERLESS_AFTER).await;
    let claim = desk.store.claim_orphans(&member("a"), 150, Tick(1)).await.unwrap();
    assert_eq!(claim, Claim::Claimed { slots: 150 });
    assert_eq!(desk.store.holdings(&member("a"), SlotRange::ALL).await.unwrap().last().unwrap().slot, Slot::new(149));
}

#[tokio::test]
async fn an_item_in_another_shard_than_its_own_is_never_ticked() {
    let desk = desk();
    let item = desk.with_items(1).remove(0);
    let own = desk.store.map().shard_of(&item);
    let other = &desk.shards()[(own + 1) % 3].memory;
    assert!(other.insert(item.clone()));
    desk.give_all("a").await;
    desk.store.tick(&member("a"), SlotRange::ALL).await.unwrap();
    assert_eq!(desk.shards()[own].memory.rows()[0].value, 1);
    assert_eq!(other.rows()[0].value, 0);
    assert_eq!(desk.store.census().await.unwrap().total(), 1);
}

#[tokio::test]
async fn each_shard_counts_ticks_by_its_own_clock() {
    tokio::time::pause();
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let ahead = SetClock::new(clock.clone());
    ahead.set_ahead(5400);
    let clocks: [Arc<dyn Clock>; 3] = [clock.clone(), clock, Arc::new(ahead)];
    let shards = clocks.into_iter().zip(map().ranges()).map(|(clock, range)| Arc::new(switched(clock, *range))).collect();
    let store = Arc::new(ShardedStore::new(map(), shards).unwrap());
    let desk = Desk { store, clock: Arc::new(SetClock::new(Arc::new(TokioClock::start()))) };
    desk.with_items(300);
    desk.give_all("a").await;
    for second in 1..=3 {
        let report = desk.store.tick(&member("a"), SlotRange::ALL).await.unwrap();
        assert_eq!((report.tick, report.ticked, report.items), (Tick(second), 256, 300));
        tokio::time::advance(SECOND).await;
    }
}

#[tokio::test]
async fn shards_that_do_not_belong_together_are_refused() {
    tokio::time::pause();
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let shard = |slots: u32, installation: u128, range: &SlotRange| {
        let slots = SlotCount::new(slots).unwrap();
        let store = MemoryStore::new(clock.clone(), slots, SECOND).with_range(*range);
        Arc::new(store.with_installation(InstallationId::new(Uuid::from_u128(installation))))
    };
    let sharded = |second: (u32, u128)| {
        let map = map();
        let stores = map.ranges().iter().zip([(256, 1), second, (256, 1)]);
        let stores = stores.map(|(range, (slots, installation))| shard(slots, installation, range)).collect();
        ShardedStore::new(map, stores).unwrap()
    };
    sharded((256, 1)).prepare().await.unwrap();
    let error = sharded((512, 1)).prepare().await.unwrap_err();
    let why = "prepare: shard 100..101: it is installed with 512 slots, and the shards together have 256: install it with 256";
    assert!(matches!(error, StoreError::Misshapen { .. }) && error.to_string() == why, "{error}");
    let error = sharded((256, 2)).prepare().await.unwrap_err();
    assert!(matches!(error, StoreError::Misshapen { .. }) && error.to_string().ends_with("check its URL and schema"), "{error}");
}

#[test]
fn each_range_needs_a_store() {
    let stores = Vec::<Arc<MemoryStore>>::new();
    assert_eq!(ShardedStore::new(map(), stores).unwrap_err(), InvalidShardedStore { stores: 0, ranges: 3 });
    assert_eq!(map(), ShardMap::new(slots(), RANGES.map(SlotRange::new).into_iter().rev()).unwrap());
}

/// Returns the first transfer of a slot.
fn transfer(slot: u32, to: &str) -> Transfer {
    Transfer { slot: Slot::new(slot), epoch: Epoch::default(), to: member(to), timing: Timing::Now, cause: Cause::Unowned }
}

impl Desk {
    /// Inserts this many items, each into its shard, and returns them.
    fn with_items(&self, count: u128) -> Vec<ItemId> {
        let id = |number: u128| ItemId::Uuid(Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)));
        let items: Vec<_> = (1..=count).map(id).collect();
        items.iter().for_each(|item| assert!(self.shard_of(item).insert(item.clone())));
        items
    }

    async fn campaign(&self, candidate: u128) -> Result<Option<Term>, StoreError> {
        self.store.campaign(Uuid::from_u128(candidate), 15 * SECOND, Hearing::Members).await
    }

    async fn give_all(&self, to: &str) {
        let term = self.campaign(1).await.unwrap().unwrap();
        let transfers: Vec<_> = (0..256).map(|slot| transfer(slot, to)).collect();
        let outcome = self.store.commit(&term, &transfers).await.unwrap();
        assert!(matches!(outcome, Outcome::Committed { ref moved, .. } if moved.len() == 256), "{outcome:?}");
    }
}
