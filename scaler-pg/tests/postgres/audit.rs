//! The audit proves a system that keeps its promise while slots move, and finds one that does not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::oracle::{shuffle, watched};
use crate::role_desk::with_roles;
use crate::support::{installed, member};
use futures_util::future::join_all;
use scaler_core::audit::Report;
use scaler_core::{SlotRange, WorkStore};
use scaler_pg::{PgConfig, PgStore, Scope, WorkerAccess};
use sqlx::AssertSqlSafe;

/// Looks twice, with something in between.
async fn audit_over(store: &PgStore, scope: &Scope, between: impl Future<Output = ()>) -> Report {
    let first = store.snapshot(scope).await.unwrap();
    between.await;
    store.audit(scope, first).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_proves_while_slots_move() {
    let desk = watched().await;
    let owners = ["a", "b", "c", "d"].map(member);
    let auditor = PgStore::new(&PgConfig::new(desk.database.url())).unwrap();
    let stop = AtomicBool::new(false);
    let ticking = join_all(owners.iter().map(async |owner| {
        while !stop.load(Ordering::Relaxed) {
            desk.store.tick(owner, SlotRange::ALL).await.unwrap();
        }
    }));
    let auditing = async {
        let mut reports = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            reports.push(audit_over(&auditor, &Scope::All, tokio::time::sleep(Duration::from_millis(450))).await);
        }
        reports
    };
    let (moved, reports, _) = tokio::join!(shuffle(&*desk.store, &*desk.store, &owners, &stop), auditing, ticking);
    assert!(reports.len() > 5 && reports.iter().all(|report| report.items == 200 && report.proves()), "{reports:?}");
    assert!(reports.iter().any(|report| report.ticks >= 2), "{reports:?}");
    println!("{} audits under {moved} moves, each proved", reports.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_finds_the_doubles_of_a_system_without_a_fence() {
    let desk = watched().await;
    let owners = ["a", "b"].map(member);
    let stop = AtomicBool::new(false);
    let term_holder = shuffle(&*desk.store, &*desk.store, &owners, &stop);
    term_holder.await;
    let tick = async |at_once: bool| {
        for owner in &owners {
            desk.store.tick(owner, SlotRange::ALL).await.unwrap();
        }
        if at_once {
            // As one does that trusts a list which it read before.
            desk.run("update public.work_items set value = value + 1 where id = (select id from public.work_items limit 1)")
                .await;
        }
    };
    let report = audit_over(&desk.store, &Scope::All, tick(true)).await;
    assert_eq!((report.doubled, report.doubles, report.named.len()), (1, 1, 1), "{report:?}");
    assert_eq!(report.named[0].gained, report.named[0].ticked + 1);
    assert!(report.named[0].owner.is_some());
    assert!(audit_over(&desk.store, &Scope::All, tick(false)).await.proves());
}

#[tokio::test]
async fn a_sample_finds_few_items_and_judges_only_those() {
    let desk = installed(1000).await;
    assert_eq!(desk.store.sample(4).await.unwrap(), Scope::Slots(vec![]), "there is nothing to find");
    desk.store.add_items(3).await.unwrap();
    let scope = desk.store.sample(16).await.unwrap();
    let Scope::Slots(slots) = &scope else { panic!("{scope:?}") };
    assert!((1..=3).contains(&slots.len()), "{slots:?}");
    let report = audit_over(&desk.store, &scope, desk.run("update public.work_items set value = 9")).await;
    assert_eq!((report.doubled, report.doubles), (report.items, report.items * 9), "{report:?}");
    let report = audit_over(&desk.store, &scope, desk.run("delete from public.work_items")).await;
    assert!(report.proves() && report.gone >= 1 && report.items == 0, "{report:?}");
}

#[tokio::test]
async fn a_value_changed_by_a_user_is_not_counted_as_a_tick() {
    let desk = installed(1000).await;
    let item = &desk.store.add_items(1).await.unwrap()[0];
    let report = audit_over(&desk.store, &Scope::All, desk.run("update public.work_items set value = value - 2")).await;
    assert_eq!((report.doubled, report.short, &report.named[0].item, report.named[0].gained), (0, 1, item, -2));
    assert!(!report.proves());
}

#[tokio::test]
async fn a_vacuum_takes_in_what_the_role_may_vacuum() {
    const VACUUMS: &str = "select sum(vacuum_count)::bigint from pg_stat_user_tables where relname in ('slot', 'work_items')";
    let desk = with_roles(1000, WorkerAccess::Tables).await;
    // Postgres warns of each table that a role may not vacuum, and skips it.
    desk.split.control.vacuum().await.unwrap();
    desk.owner.store.vacuum().await.unwrap();
    let both = async {
        while desk.owner.number(VACUUMS).await < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    // A session is counted when it closes, and that of the control role closed first.
    assert_eq!(desk.owner.number(VACUUMS).await, 2, "by the owner alone");
}

#[tokio::test]
async fn the_oldest_transaction_of_other_roles_needs_pg_read_all_stats() {
    let desk = with_roles(1000, WorkerAccess::Tables).await;
    let (owner, control) = (&desk.owner.store, &desk.split.control);
    let mut transaction = desk.owner.user.begin().await.unwrap();
    sqlx::raw_sql("select 1").execute(&mut *transaction).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (seen, begun) = (owner.oldest_transaction().await.unwrap().unwrap(), Duration::from_millis(50));
    assert!(seen >= begun, "{seen:?}");
    assert_eq!(control.oldest_transaction().await.unwrap(), None, "of its own alone it does not tell");
    sqlx::raw_sql(AssertSqlSafe(format!("grant pg_read_all_stats to \"{}\"", desk.names[1])))
        .execute(&desk.owner.user)
        .await
        .unwrap();
    assert!(control.oldest_transaction().await.unwrap().unwrap() >= seen);
    transaction.rollback().await.unwrap();
    let over = async {
        while owner.oldest_transaction().await.unwrap().unwrap() >= begun {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), over).await.unwrap();
}
