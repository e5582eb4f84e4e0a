//! The store on a primary and its standby, and through a pooler: real ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::member;
use futures_util::future::join_all;
use scaler_core::{
    Cause, Election, Hearing, MemberKey, Outcome, Slot, SlotCount, SlotRange, StoreError, Term, Timing, Transfer, WorkStore,
};
use scaler_pg::{PgConfig, PgStore, Pooler, Scope};
use sqlx::{Connection, PgConnection};
use test_servers::{Database, PgBouncer, Postgres, PostgresPair};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(30);

async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}; at last {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn term(store: &PgStore) -> Term {
    store.campaign(Uuid::new_v4(), Duration::from_secs(60), Hearing::Members).await.unwrap().unwrap()
}

/// Gives all slots to one owner, in this term.
async fn owned(store: &PgStore, term: &Term, owner: &MemberKey) {
    let assignment = store.assignment().await.unwrap();
    let transfers = assignment.slots.iter().zip(0..).map(|(state, number)| {
        let slot = Slot::new(number);
        Transfer { slot, epoch: state.epoch, to: owner.clone(), timing: Timing::Now, cause: Cause::Rebalance }
    });
    let outcome = store.commit(term, &transfers.collect::<Vec<_>>()).await.unwrap();
    assert!(matches!(outcome, Outcome::Committed { moved, .. } if moved.len() == 256));
}

#[tokio::test]
async fn after_a_failover_the_promoted_standby_is_found_and_its_fence_holds() {
    let pair = PostgresPair::private().await;
    let database = pair.new_database().await;
    let store = PgStore::new(&PgConfig::new(database.url())).unwrap();
    store.install(SlotCount::new(256).ok()).await.unwrap();
    store.add_items(10).await.unwrap();
    let (owner, other) = (member("worker-1"), member("worker-2"));
    let term = term(&store).await;
    owned(&store, &term, &owner).await;
    assert_eq!(store.tick(&owner, SlotRange::ALL).await.unwrap().items, 10);
    let first = store.snapshot(&Scope::All).await.unwrap();
    let standby = format!("postgres://postgres@{}?target_session_attrs=any", host(&database, 1));
    let reader = PgStore::new(&PgConfig::new(standby)).unwrap();
    eventually("the standby has it all", async || match reader.snapshot(&Scope::All).await? {
        all if all.items() == 10 => Ok(()),
        _ => Err(StoreError::Busy { during: "follow", source: "not yet".into() }),
    })
    .await;

    // What happens from now on is lost.
    pair.part().await;
    owned(&store, &term, &other).await;
    pair.primary().kill().await;
    let down = store.tick(&other, SlotRange::ALL).await.unwrap_err();
    assert!(matches!(down, StoreError::Unavailable { .. } | StoreError::Unanswered { .. }), "{down}");
    let down = store.tick(&other, SlotRange::ALL).await.unwrap_err().to_string();
    assert!(down.contains("refused") && down.contains("is read-only"), "{down}");
    let begun = Instant::now();
    pair.promote().await;
    eventually("the owner by the survivor ticks", async || match store.tick(&owner, SlotRange::ALL).await? {
        report if report.ticked > 0 => Ok(report),
        _ => Err(StoreError::Busy { during: "tick", source: "ticked already".into() }),
    })
    .await;
    assert_eq!(store.tick(&other, SlotRange::ALL).await.unwrap().owned, 0, "who owned what was lost is fenced");
    // Ticks have connections of their own: the others learn of the failover by themselves.
    eventually("all else is back", || store.assignment()).await;
    let report = store.audit(&Scope::All, first).await.unwrap();
    assert!(report.proves() && report.items == 10, "{report:?}");
    println!("ticked {:?} after the promotion began; {report:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_takes_no_writes_any_more_is_left() {
    let database = Postgres::database().await;
    let store = PgStore::new(&PgConfig::new(database.url())).unwrap();
    store.install(SlotCount::new(256).ok()).await.unwrap();
    store.add_items(1).await.unwrap();
    let sessions = async || -> Vec<i32> {
        let mut user = PgConnection::connect(database.url()).await.unwrap();
        let query =
            "select pid from pg_stat_activity where datname = current_database() and application_name = 'scaler' order by 1";
        sqlx::query_scalar(query).fetch_all(&mut user).await.unwrap()
    };
    let before = sessions().await;
    assert_eq!(before.len(), 1);
    let mut user = PgConnection::connect(database.url()).await.unwrap();
    let read_only = sqlx::AssertSqlSafe(format!("alter database {} set default_transaction_read_only = on", database.name()));
    sqlx::raw_sql(read_only).execute(&mut user).await.unwrap();
    let strict = PgStore::new(&PgConfig::new(format!("{}?target_session_attrs=read-write", database.url()))).unwrap();
    let error = strict.add_items(1).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }) && error.to_string().contains("is read-only"), "{error}");

    // The first session began before; it is given up once it meets the refusal.
    sqlx::raw_sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'scaler' and datname = current_database()")
        .execute(&mut user)
        .await
        .unwrap();
    store.add_items(1).await.unwrap_err();
    let refused = store.add_items(1).await.unwrap_err();
    assert!(matches!(refused, StoreError::Busy { .. }), "{refused}");
    eventually("its session is gone", async || match sessions().await {
        none if none.is_empty() => Ok(()),
        some => Err(StoreError::Busy { during: "leave", source: format!("{some:?}").into() }),
    })
    .await;
    let writable = sqlx::AssertSqlSafe(format!("alter database {} reset default_transaction_read_only", database.name()));
    sqlx::raw_sql("set default_transaction_read_only = off").execute(&mut user).await.unwrap();
    sqlx::raw_sql(writable).execute(&mut user).await.unwrap();
    assert_eq!(store.add_items(2).await.unwrap().len(), 2, "a new session takes writes again");
}

#[tokio::test]
async fn a_wrong_password_on_one_of_two_hosts_is_reported() {
    let url = format!("postgres://nobody_here@{},{}/postgres", address(Postgres::shared().await.url()), "127.0.0.1:1");
    let error = PgStore::new(&PgConfig::new(url)).unwrap().probe().await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }) && error.to_string().contains("nobody_here"), "{error}");
}

#[tokio::test]
async fn through_a_pooler_in_transaction_mode_all_works_and_is_proved() {
    let postgres = Postgres::private().await;
    let pooler = PgBouncer::in_front_of(&postgres).await;
    let database = postgres.new_database().await;
    let url = pooler.url(&database);
    let plain = PgStore::new(&PgConfig::new(&url)).unwrap().probe().await.unwrap_err();
    assert!(matches!(plain, StoreError::Refused { .. }) && plain.to_string().contains("POSTGRES_POOLER=transaction"), "{plain}");

    let owner = member("worker-1");
    let mut config = PgConfig::for_worker(&url, owner.incarnation);
    config.pooler = Pooler::Transaction;
    let store = Arc::new(PgStore::new(&config).unwrap());
    let missing = store.install(None).await.unwrap_err();
    assert!(matches!(missing, StoreError::NotInstalled { .. }), "{missing}");
    PgStore::new(&PgConfig::new(database.url())).unwrap().install(SlotCount::new(256).ok()).await.unwrap();
    store.install(None).await.unwrap();
    store.add_items(50).await.unwrap();
    owned(&store, &term(&store).await, &owner).await;
    assert_eq!(store.assignment().await.unwrap().sessions, None, "the witness is silent");
    let first = store.snapshot(&Scope::All).await.unwrap();
    let begun = Instant::now();
    let ticking = async || {
        while begun.elapsed() < Duration::from_secs(3) {
            store.tick(&owner, SlotRange::ALL).await.unwrap();
            assert_eq!(store.items(&owner, SlotRange::ALL).await.unwrap().len(), 50);
        }
    };
    // More at once than servers would be shared without harm if anything were kept in a session.
    tokio::join!(ticking(), ticking(), ticking());
    let report = store.audit(&Scope::All, first).await.unwrap();
    assert!(report.proves() && report.items == 50 && report.ticks >= 2 && report.gaps == 0, "{report:?}");
    let set: String = {
        let mut user = PgConnection::connect(database.url()).await.unwrap();
        let query = "select string_agg(distinct application_name, ',') from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
        sqlx::query_scalar(query).fetch_one(&mut user).await.unwrap()
    };
    assert!(!set.contains("scaler-worker"), "no session bears an incarnation: {set}");

    pooler.stop().await;
    store.tick(&owner, SlotRange::ALL).await.unwrap_err();
    pooler.start().await;
    eventually("it ticks again", async || store.tick(&owner, SlotRange::ALL).await).await;
}

#[tokio::test]
async fn an_unconfigured_pooler_is_named_when_it_mixes_sessions_up() {
    let postgres = Postgres::private().await;
    let pooler = PgBouncer::unnoticed_in_front_of(&postgres).await;
    let url = pooler.url(&postgres.new_database().await);
    let (one, other) = (PgStore::new(&PgConfig::new(&url)).unwrap(), PgStore::new(&PgConfig::new(&url)).unwrap());
    let told = eventually("one meets the other's statement", async || {
        for store in [&one, &other] {
            if let Err(refused @ StoreError::Refused { .. }) = store.probe().await {
                return Ok(refused.to_string());
            }
        }
        Err(StoreError::Busy { during: "probe", source: "not yet".into() })
    })
    .await;
    assert!(told.contains("prepared statement") && told.contains("POSTGRES_POOLER=transaction"), "{told}");
}

#[tokio::test]
async fn a_lock_of_a_user_is_waited_for_through_a_pooler_as_without() {
    let postgres = Postgres::private().await;
    let pooler = PgBouncer::in_front_of(&postgres).await;
    let database = postgres.new_database().await;
    PgStore::new(&PgConfig::new(database.url())).unwrap().install(SlotCount::new(256).ok()).await.unwrap();
    let mut config = PgConfig::new(pooler.url(&database));
    config.pooler = Pooler::Transaction;
    let (store, owner) = (PgStore::new(&config).unwrap(), member("worker-1"));
    store.add_items(5).await.unwrap();
    owned(&store, &term(&store).await, &owner).await;
    let mut user = PgConnection::connect(database.url()).await.unwrap();
    let mut transaction = user.begin().await.unwrap();
    sqlx::query("select from public.work_items limit 1 for update").execute(&mut *transaction).await.unwrap();
    let begun = Instant::now();
    let report = store.tick(&owner, SlotRange::ALL).await.unwrap();
    assert_eq!((report.items, report.locked), (4, 1));
    assert!(begun.elapsed() < Duration::from_secs(3), "lock_timeout holds: {:?}", begun.elapsed());
}

fn address(url: &str) -> &str {
    url.rsplit_once('@').unwrap().1.split('/').next().unwrap()
}

/// `host:port/database` of one of the hosts.
fn host(database: &Database, n: usize) -> String {
    format!("{}/{}", address(database.url()).split(',').nth(n).unwrap(), database.name())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_lost_together_are_reopened_one_by_one() {
    const STORES: usize = 100;
    let postgres = Postgres::private().await;
    let stores: Vec<_> = (0..STORES)
        .map(|_| {
            let mut config = PgConfig::new(postgres.url());
            config.max_connections = 1;
            config.reconnect_spread = Duration::from_secs(2);
            PgStore::new(&config).unwrap()
        })
        .collect();
    let ask = async |store: &PgStore| store.probe().await.is_err_and(|error| matches!(error, StoreError::NotInstalled { .. }));
    assert!(join_all(stores.iter().map(ask)).await.into_iter().all(|asked| asked));
    let mut user = PgConnection::connect(postgres.url()).await.unwrap();
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'scaler'";
    sqlx::raw_sql(cut).execute(&mut user).await.unwrap();
    // Each at once, as workers do whose tick is due.
    let back = join_all(stores.iter().map(async |store| {
        assert!(!ask(store).await, "its session is gone");
        eventually("it is back", async || {
            if ask(store).await { Ok(()) } else { Err(StoreError::Busy { during: "probe", source: "".into() }) }
        })
        .await;
    }));
    back.await;
    let starts = "select extract(epoch from max(backend_start) - min(backend_start))::float8, count(*) from pg_stat_activity where application_name = 'scaler'";
    let (seconds, sessions): (f64, i64) = sqlx::query_as(starts).fetch_one(&mut user).await.unwrap();
    println!("{sessions} sessions came back over {seconds:.2} s");
    assert_eq!(sessions, 100);
    assert!(seconds > 1.0, "they came back within {seconds} s");
}
