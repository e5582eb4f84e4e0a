//! Tests of the item list that a tick returns, which does not read the ids each time.

use std::time::{Duration, Instant};

use scaler_core::testing::store::StoreFixture;
use scaler_core::{ItemId, MemberKey, SlotRange, TickReport, WorkStore, digest_of};
use uuid::Uuid;

use crate::support::{Desk, installed, member};

/// More than are read in every tick.
const MANY: u32 = 9000;

#[tokio::test]
async fn another_number_of_items_shows_in_the_very_next_tick() {
    let (desk, owner) = many().await;
    // Some of these reports come without the digest having been read.
    for _ in 0..12 {
        let report = next_tick(&desk, &owner).await;
        assert_eq!(report.digest, digest_of(&desk.store.items(&owner, SlotRange::ALL).await.unwrap()));
    }
    for removed in 0..12 {
        desk.store.remove_any_items(1).await.unwrap();
        let report = next_tick(&desk, &owner).await;
        assert_eq!(report.items, u64::from(MANY - removed - 1));
        assert_eq!(report.digest, digest_of(&desk.store.items(&owner, SlotRange::ALL).await.unwrap()));
    }
}

#[tokio::test]
async fn as_many_other_items_show_within_eight_ticks() {
    let (desk, owner) = many().await;
    for _ in 0..9 {
        next_tick(&desk, &owner).await;
    }
    desk.store.remove_any_items(1).await.unwrap();
    desk.insert(&[ItemId::Uuid(Uuid::new_v4())]).await.unwrap();
    let right = digest_of(&desk.store.items(&owner, SlotRange::ALL).await.unwrap());
    let mut ticks = 1;
    while next_tick(&desk, &owner).await.digest != right {
        ticks += 1;
        assert!(ticks <= 8, "the digest of the changed list is read by then");
    }
}

#[tokio::test]
async fn every_item_is_incremented_whether_the_digest_is_read_or_not() {
    let (desk, owner) = many().await;
    for _ in 0..20 {
        assert_eq!(next_tick(&desk, &owner).await.items, u64::from(MANY));
    }
    let ticks = desk.number("select max(ticks) from scaler.slot").await;
    assert_eq!(desk.number("select min(value)::bigint from public.work_items").await, ticks);
    assert_eq!(desk.number("select max(value)::bigint from public.work_items").await, ticks);
}

/// Many items, all of one worker.
async fn many() -> (Desk, MemberKey) {
    let desk = installed(10).await;
    desk.store.add_items(MANY).await.unwrap();
    let owner = member("a");
    let give = sqlx::query("update scaler.slot set owner = 'a', incarnation = $1, epoch = 1").bind(owner.incarnation.uuid());
    give.execute(&desk.user).await.unwrap();
    // While the number of items is unknown, a call may leave a part of them for the next.
    next_tick(&desk, &owner).await;
    (desk, owner)
}

/// The report of the first tick that finds something due.
async fn next_tick(desk: &Desk, owner: &MemberKey) -> TickReport {
    let begun = Instant::now();
    loop {
        let report = desk.store.tick(owner, SlotRange::ALL).await.unwrap();
        if report.ticked > 0 {
            return report;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "a tick begins every 10 ms");
    }
}
