//! A Postgres that speaks German: errors are told apart by their codes and by the catalog, never by words.

use scaler_core::{ErrorClass, SlotRange, StoreError, WorkStore};
use scaler_pg::{PgConfig, PgStore, Roles, WorkerAccess};
use sqlx::{AssertSqlSafe, PgPool};
use test_servers::Postgres;

use crate::support::member;

#[tokio::test]
async fn a_missing_schema_is_recognized_in_every_message_language() {
    let postgres = Postgres::private_with_language("de_DE").await;
    let database = postgres.new_database().await;
    let user = PgPool::connect(database.url()).await.unwrap();
    let speak = format!("alter database {} set lc_messages = 'de_DE.UTF-8'", database.name());
    sqlx::raw_sql(AssertSqlSafe(speak)).execute(&user).await.unwrap();
    let user = PgPool::connect(database.url()).await.unwrap();
    let german = sqlx::raw_sql("select 1 / 0").execute(&user).await.unwrap_err().to_string();
    assert!(german.contains("Division durch Null"), "{german}");
    sqlx::raw_sql("create role limited login; create role other login").execute(&user).await.unwrap();
    let owner = PgStore::new(&PgConfig::new(database.url())).unwrap();
    let limited_url = database.url().replacen("postgres@", "limited@", 1);
    let limited = PgStore::new(&PgConfig::new(&limited_url)).unwrap();
    let worker = member("a");
    let missing = async |store: &PgStore, what: &str| {
        for error in [store.tick(&worker, SlotRange::ALL).await.map(drop).unwrap_err(), store.probe().await.unwrap_err()] {
            assert!(matches!(error, StoreError::NotInstalled { .. }) && error.to_string().contains(what), "{error}");
        }
    };
    missing(&owner, "schema scaler is missing").await;
    missing(&limited, "schema scaler is missing").await;
    owner.install(None).await.unwrap();
    missing(&limited, "this role has no usage privilege on schema scaler yet").await;
    owner.grant(&Roles { worker: Some(("limited".to_owned(), WorkerAccess::Functions)), ..Roles::default() }).await.unwrap();
    limited.probe().await.unwrap();
    limited.tick(&worker, SlotRange::ALL).await.unwrap();
    sqlx::raw_sql("drop table public.work_items").execute(&user).await.unwrap();
    missing(&owner, "table public.work_items is missing").await;
    owner.install(None).await.unwrap();
    sqlx::raw_sql("revoke execute on all functions in schema scaler from limited").execute(&user).await.unwrap();
    let denied = limited.tick(&worker, SlotRange::ALL).await.unwrap_err();
    assert_eq!(denied.class(), ErrorClass::Permanent, "{denied}");
    sqlx::raw_sql("drop function scaler.tick_around").execute(&user).await.unwrap();
    let old = limited.tick(&worker, SlotRange::ALL).await.unwrap_err();
    assert!(matches!(old, StoreError::NotInstalled { .. }) && old.to_string().contains("older version"), "{old}");
}
