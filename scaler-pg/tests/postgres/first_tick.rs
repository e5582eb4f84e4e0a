//! Tests of the first tick of slots with an unknown number of items, which is done in small parts.

use scaler_core::{SlotRange, WorkStore};

use crate::support::{installed, member};

/// They fill some twelve megabytes.
const MANY: u32 = 60_000;

#[tokio::test]
async fn much_that_is_unknown_is_taken_a_little_at_a_time_and_each_item_once() {
    let desk = installed(60_000).await;
    desk.store.add_items(MANY).await.unwrap();
    let owner = member("a");
    let give = sqlx::query("update scaler.slot set owner = 'a', incarnation = $1, epoch = 1").bind(owner.incarnation.uuid());
    give.execute(&desk.user).await.unwrap();

    let (mut items, mut first) = (Vec::new(), None);
    loop {
        let report = desk.store.tick(&owner, SlotRange::ALL).await.unwrap();
        // A minute may just end; then all begins anew.
        if *first.get_or_insert(report.tick) < report.tick {
            (items, first) = (Vec::new(), Some(report.tick));
        }
        items.push(report.items);
        assert!(report.owned == 256 && report.ticked > 0, "each call gets on: {report:?}");
        if report.left == 0 {
            break;
        }
    }
    assert_eq!(items.iter().sum::<u64>(), u64::from(MANY));
    assert!(items.len() > 1 && items[0] <= 20_000, "the first is small, and tells how fast it goes: {items:?}");
    let wrong =
        "select count(*) from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id) where w.value <> s.ticks";
    assert_eq!(desk.number(wrong).await, 0, "an item is incremented as often as its slot is ticked");

    // Shorter ticks have greater numbers, so that all is due again.
    desk.run("update scaler.meta set tick_ms = 10").await;
    let report = desk.store.tick(&owner, SlotRange::ALL).await.unwrap();
    assert_eq!((report.items, report.left), (u64::from(MANY), 0), "now it is known");
}
