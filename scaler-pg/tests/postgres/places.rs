//! A Postgres that has no place for one more session.

use std::time::Duration;

use scaler_core::{SlotRange, StoreError, WorkStore};
use scaler_pg::WorkerAccess;
use sqlx::AssertSqlSafe;
use tokio::time::{sleep, timeout};

use crate::role_desk::with_roles;
use crate::support::member;

#[tokio::test]
async fn a_full_server_is_left_alone_for_a_while_and_found_when_it_has_places() {
    let desk = with_roles(1000, WorkerAccess::Tables).await;
    let limit = async |sessions: i32| {
        let limit = format!("alter role \"{}\" connection limit {sessions}", desk.names[0]);
        sqlx::raw_sql(AssertSqlSafe(limit)).execute(&desk.owner.user).await.unwrap();
    };
    let me = member("worker-1");
    let tick = async || desk.split.worker.tick(&me, SlotRange::ALL).await;
    limit(0).await;
    let refused = tick().await.unwrap_err();
    assert!(refused.to_string().contains("too many connections for role"), "{refused}");
    let left_alone = tick().await.unwrap_err();
    assert!(matches!(left_alone, StoreError::Unavailable { .. }), "{left_alone:?}");
    assert!(
        left_alone.to_string().contains("too many connections, or the server does not answer; the next connection attempt is in"),
        "{left_alone}"
    );

    limit(-1).await;
    let found = async {
        while tick().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), found).await.unwrap();
}
