//! Small system in memory, for tests of commands.

use std::sync::Arc;
use std::time::Duration;

use notifi_scaler_common::overview::Overview;
use scaler_core::memory::MemoryStore;
use scaler_core::{
    Cause, Election, Hearing, Incarnation, InstallationId, ItemId, Member, MemberKey, MemberRecord, MemberState, Slot, SlotCount,
    SlotRange, Timing, TokioClock, Transfer, Wish, Wishes, WorkStore, WorkerId, slot_of,
};
use uuid::Uuid;

/// Number of slots.
pub(crate) const SLOTS: u32 = 8;

/// Store of eight slots with one item each, and members that own some of them.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) members: Vec<MemberRecord>,
}

pub(crate) fn worker(name: &str) -> WorkerId {
    WorkerId::new(name).unwrap()
}

fn key(name: &str) -> MemberKey {
    MemberKey { worker: worker(name), incarnation: Incarnation::new(Uuid::nil()) }
}

impl World {
    /// Returns a system in which each of these workers owns this many slots, in order, and has ticked them.
    pub(crate) async fn of(workers: &[(&str, u32)]) -> Self {
        let slots = SlotCount::new(SLOTS).unwrap();
        let store = Arc::new(MemoryStore::new(Arc::new(TokioClock::start()), slots, Duration::from_secs(1)));
        for slot in slots.iter() {
            let mut ids = (0..).map(|number| ItemId::Uuid(Uuid::from_u128(number)));
            store.insert(ids.find(|id| slot_of(id, slots) == slot).unwrap());
        }
        let mut world = Self { store, members: Vec::new() };
        let owners = workers.iter().flat_map(|(name, count)| (0..*count).map(|_| *name));
        for (number, name) in (0..).zip(owners) {
            world.give(number, name).await;
        }
        for (name, _) in workers {
            world.hear(name).await;
        }
        world
    }

    /// Gives a slot to a worker.
    pub(crate) async fn give(&self, number: u32, name: &str) {
        let slot = Slot::new(number);
        let epoch = self.store.assignment().await.unwrap().slots[slot.index()].epoch;
        let term = self.store.campaign(Uuid::nil(), Duration::ZERO, Hearing::Members).await.unwrap().unwrap();
        let transfer = Transfer { slot, epoch, to: key(name), timing: Timing::Now, cause: Cause::Unowned };
        self.store.commit(&term, &[transfer]).await.unwrap();
    }

    /// Ticks the slots of a worker, which is a healthy member from now on.
    pub(crate) async fn hear(&mut self, name: &str) {
        let all = SlotRange::new(0..SLOTS);
        let report = self.store.tick(&key(name), all).await.unwrap();
        let member = Member {
            state: MemberState::Active,
            last_tick: Some(report.tick),
            revision: Some("blue".into()),
            ..Member::joining(key(name), InstallationId::new(Uuid::nil()))
        };
        self.members.push(MemberRecord { member, age: Duration::ZERO });
    }

    pub(crate) async fn wish(&self, wish: &Wish) {
        self.store.wish(wish, "alice", "").await.unwrap();
    }

    pub(crate) fn add_items(&self, count: u128) {
        for number in 0..count {
            self.store.insert(ItemId::Uuid(Uuid::from_u128(u128::MAX - number)));
        }
    }

    pub(crate) async fn overview(&self) -> Overview {
        Overview::read(&*self.store, Some(self.members.clone())).await.unwrap()
    }
}
