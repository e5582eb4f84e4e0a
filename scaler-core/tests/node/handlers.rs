//! Handlers that fail, end early or never end, and rows that come and go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::node::{Handler, Lease, NodeEvent};
use scaler_core::{BoxError, Cause, Clock, ItemId};

use crate::desk::{Desk, Done, SECOND, Steady};

/// Fails or panics on one item, and works on all others.
struct Faulty {
    steady: Steady,
    bad: ItemId,
    panics: bool,
    starts: Arc<Mutex<Vec<Duration>>>,
}

#[async_trait]
impl Handler for Faulty {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        if item == self.bad {
            self.starts.lock().unwrap().push(self.steady.journal.1.now());
            assert!(!self.panics, "a panic on purpose");
            return Err("an error on purpose".into());
        }
        self.steady.run(item, lease).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_is_started_again_with_back_off_and_delays_no_other_item() {
    for panics in [false, true] {
        let mut desk = Desk::new(50);
        let (starts, told) = (Arc::<Mutex<Vec<Duration>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let steady = Steady { node: "a", journal: desk.journal.clone(), slack: Duration::ZERO };
        let bad = desk.items.remove(7);
        let handler = Faulty { steady, bad: bad.clone(), panics, starts: Arc::clone(&starts) };
        let tell = Arc::clone(&told);
        desk.cluster.join_with("a", handler, |builder| {
            builder.observe(move |event| {
                if let NodeEvent::HandlerFailed { item, error, retry_in } = event {
                    tell.lock().unwrap().push(format!("{item}: {error}, {}", retry_in.is_some()));
                }
            })
        });
        desk.all_at_work().await;
        tokio::time::sleep(200 * SECOND).await;
        assert!(desk.share("a") == 49, "no other item is disturbed");
        let starts = starts.lock().unwrap();
        let waits: Vec<_> = starts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
        assert!(
            waits.len() >= 5 && waits[0] <= 2 && waits.last() >= Some(&30) && waits.iter().all(|wait| *wait <= 60),
            "{waits:?}"
        );
        let told = told.lock().unwrap();
        assert!(
            told.len() == starts.len() && told.iter().all(|line| line.starts_with("7: ") && line.contains("on purpose, true")),
            "{told:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_is_done_is_not_started_again_while_the_item_stays() {
    let mut desk = Desk::new(10);
    desk.cluster.join("a", Done(desk.journal.clone()));
    tokio::time::sleep(30 * SECOND).await;
    assert!(desk.items.iter().all(|item| desk.journal.of(item).len() == 1));
}

#[tokio::test(start_paused = true)]
async fn unfinished_work_is_reported_again_and_again_by_name() {
    let mut desk = Desk::new(20);
    let told = Arc::<Mutex<Vec<(ItemId, u64)>>>::default();
    let tell = Arc::clone(&told);
    let handler = Steady { node: "a", journal: desk.journal.clone(), slack: 3600 * SECOND };
    desk.cluster.join_with("a", handler, |builder| {
        builder.observe(move |event| {
            if let NodeEvent::HandlerOverdue { item, cause: Cause::TableChanged, late } = event {
                tell.lock().unwrap().push((item, late.as_secs()));
            }
        })
    });
    desk.all_at_work().await;
    desk.cluster.remove(&desk.items[3]);
    tokio::time::sleep(100 * SECOND).await;
    let told = told.lock().unwrap();
    assert_eq!(*told, [10, 20, 40, 80].map(|late| (desk.items[3].clone(), late)));
}

#[tokio::test(start_paused = true)]
async fn rows_inserted_and_deleted_are_gained_and_lost_within_two_seconds() {
    let mut desk = Desk::new(10);
    desk.join("a", Duration::ZERO);
    desk.all_at_work().await;
    let new = ItemId::from("a new row");
    desk.cluster.insert(new.clone());
    desk.cluster.remove(&desk.items[3]);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(desk.journal.at_work(&new), ["a"]);
    assert_eq!(desk.journal.causes(&desk.items[3], "a"), [Cause::TableChanged]);
    assert!(desk.journal.at_work(&desk.items[3]).is_empty());
}
