//! A worker that stands still in the middle of its transaction.

use std::time::Duration;

use scaler_core::{Cause, Election, Epoch, Hearing, Outcome, Slot, StoreError, Timing, Transfer, WorkStore};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{installed, member};

#[tokio::test]
async fn a_transaction_that_stands_still_keeps_no_slot_from_moving() {
    let desk = installed(1000).await;
    let (still, next) = (member("still"), member("next"));
    let give = sqlx::query("update scaler.slot set owner = 'still', incarnation = $1, epoch = 1").bind(still.incarnation.uuid());
    give.execute(&desk.user).await.unwrap();
    let session = format!("scaler-worker {}", still.incarnation);
    let options: PgConnectOptions = desk.database.url().parse().unwrap();
    let mut worker = options.application_name(&session).connect().await.unwrap();
    sqlx::raw_sql("begin; update scaler.slot set ticks = ticks + 1").execute(&mut worker).await.unwrap();

    let term = desk.store.campaign(Uuid::new_v4(), Duration::from_secs(60), Hearing::Members).await.unwrap().unwrap();
    let transfer = Transfer { slot: Slot::new(7), epoch: Epoch(1), to: next, timing: Timing::Now, cause: Cause::Rebalance };
    let moved = async {
        loop {
            match desk.store.commit(&term, std::slice::from_ref(&transfer)).await {
                Ok(Outcome::Committed { moved, .. }) => return moved,
                Err(StoreError::Busy { .. }) => {}
                other => unreachable!("{other:?}"),
            }
        }
    };
    assert_eq!(timeout(Duration::from_secs(10), moved).await.unwrap(), [Slot::new(7)]);
    assert!(worker.ping().await.is_err(), "its session is over");
    assert_eq!(desk.number("select max(ticks) from scaler.slot").await, 0, "nothing of it was committed");
}
