//! A Postgres that restarts, crashes or ends a connection.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use scaler_core::{Member, MemberState, Membership, MembershipError, Registration, SlotCount, WakeUp};
use scaler_pg::{PgConfig, PgStore};
use sqlx::{Connection, PgConnection};
use test_servers::{Database, Postgres};

use super::desk::{active, eventually, heard, listening, open};

async fn installed(server: &Postgres) -> (Database, PgConfig) {
    let database = server.new_database().await;
    let config = PgConfig::new(database.url());
    PgStore::new(&config).unwrap().install(SlotCount::new(256).ok()).await.unwrap();
    (database, config)
}

#[tokio::test]
async fn after_a_restart_calls_succeed_again_and_everyone_is_woken_up() {
    let server = Postgres::private().await;
    let (_database, config) = installed(&server).await;
    let (membership, member) = (open(&config), active("worker-1"));
    let mut stream = listening(&*membership).await;
    membership.heartbeat(&member).await.unwrap();
    server.restart().await;
    assert_eq!(eventually(async || membership.heartbeat(&member).await).await, Registration::Current);
    assert_eq!(membership.members().await.unwrap()[0].member, member);
    heard(&mut stream, &WakeUp::Everyone).await;
    let named = WakeUp::Slots(BTreeSet::from([member.key.worker.clone()]));
    membership.wake_up(&named).await.unwrap();
    heard(&mut stream, &named).await;
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable() {
    let server = Postgres::private().await;
    let (_database, config) = installed(&server).await;
    let membership = open(&config);
    server.stop().await;
    let error = membership.heartbeat(&active("worker-1")).await.unwrap_err();
    assert!(matches!(error, MembershipError::Unavailable { .. }), "{error}");
    server.start().await;
    eventually(async || membership.members().await).await;
}

#[tokio::test]
async fn a_crash_loses_member_records_but_keeps_lost_names_and_retirements() {
    let server = Postgres::private().await;
    let (_database, config) = installed(&server).await;
    let membership = open(&config);
    let (earlier, later) = (active("worker-1"), active("worker-1"));
    let retired = BTreeSet::from([later.key.worker.clone()]);
    membership.heartbeat(&earlier).await.unwrap();
    membership.heartbeat(&Member { state: MemberState::Joining, ..later.clone() }).await.unwrap();
    membership.retire(later.installation, &retired).await.unwrap();
    server.kill().await;
    server.start().await;
    assert_eq!(eventually(async || membership.members().await).await, [], "the table is unlogged");
    assert_eq!(membership.retired(later.installation).await.unwrap(), retired);
    assert_eq!(membership.heartbeat(&earlier).await.unwrap(), Registration::Superseded, "its name is free, but not for it");
    assert_eq!(membership.heartbeat(&later).await.unwrap(), Registration::Retiring);
    assert_eq!(membership.members().await.unwrap()[0].member, later);
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_replaced_and_everyone_is_woken_up() {
    let server = Postgres::private().await;
    let (database, config) = installed(&server).await;
    let membership = open(&config);
    let mut stream = listening(&*membership).await;
    let mut user = PgConnection::connect(database.url()).await.unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'scaler'";
    sqlx::raw_sql(end).execute(&mut user).await.unwrap();
    heard(&mut stream, &WakeUp::Everyone).await;
    eventually(async || membership.heartbeat(&active("worker-1")).await).await;
    heard(&mut stream, &WakeUp::Members).await;
}

#[tokio::test]
async fn a_stream_ends_with_its_membership_and_closes_the_connection() {
    let server = Postgres::private().await;
    let (database, config) = installed(&server).await;
    let membership = open(&config);
    let mut stream = listening(&*membership).await;
    drop(membership);
    while stream.next().await.is_some() {}
    let mut user = PgConnection::connect(database.url()).await.unwrap();
    eventually(async || {
        let query = "select count(*) from pg_stat_activity where application_name = 'scaler'";
        let sessions: i64 = sqlx::query_scalar(query).fetch_one(&mut user).await.unwrap();
        let open = || MembershipError::Unavailable { during: "looking", source: format!("{sessions} sessions").into() };
        if sessions == 0 { Ok(()) } else { Err(open()) }
    })
    .await;
}

#[tokio::test]
async fn a_database_without_the_schema_is_unavailable_until_it_is_installed() {
    let server = Postgres::private().await;
    let database = server.new_database().await;
    let config = PgConfig::new(database.url());
    let (membership, member) = (open(&config), active("worker-1"));
    let error = membership.heartbeat(&member).await.unwrap_err();
    assert!(
        matches!(error, MembershipError::Unavailable { .. }) && error.to_string().contains("notifi-scaler migrate"),
        "{error}"
    );
    PgStore::new(&config).unwrap().install(None).await.unwrap();
    assert_eq!(membership.heartbeat(&member).await.unwrap(), Registration::Current);
}
