//! The audit by command and the one that goes on: both prove a system that works, and name what a user changes.

use std::time::Duration;

use crate::programs::{Which, get};
use crate::system::{System, eventually};

#[tokio::test]
async fn a_system_is_proved_while_workers_come_and_die() {
    let mut system = System::shared().await.running(60, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[20, 20, 20]).await;
    let mut verifying = system.start(Which::Tool, &["verify", "--window", "6s", "--json"], &[]);
    system.kill_worker("worker-2");
    system.start_worker("worker-4");
    assert_eq!(verifying.ended().await, 0, "{verifying:?}");
    let report: serde_json::Value = serde_json::from_str(&verifying.out.last().unwrap()).unwrap();
    assert_eq!((&report["proved"], &report["items"], &report["doubles"]), (&true.into(), &60.into(), &0.into()), "{report}");
    assert!(report["ticks"].as_u64().unwrap() >= 5, "{report}");
    println!("verify under a kill: {report}");
}

#[tokio::test]
async fn verify_names_an_item_that_a_user_changed() {
    let system = System::shared().await.running(10, &["worker-1"]).await;
    system.until_loads(&[10]).await;
    let mut verifying = system.start(Which::Tool, &["verify", "--window", "3s"], &[]);
    eventually("the first look is done", async || if verifying.out.contain("second snapshot") { Ok(()) } else { Err(()) }).await;
    let change = "update public.work_items set value = value + 7 where id = (select min(id::text)::uuid from public.work_items)";
    system.run(change).await;
    let changed: String =
        sqlx::query_scalar("select min(id::text) from public.work_items").fetch_one(&system.user).await.unwrap();
    assert_eq!(verifying.ended().await, 1, "{verifying:?}");
    assert!(verifying.out.contain("doubles: 7 excess increments on 1 items"), "{verifying:?}");
    assert!(verifying.out.contain(&format!("{changed} gained ")) && verifying.out.contain("(owner worker-1)"), "{verifying:?}");
    assert!(verifying.err.contain("the check failed: 1 items gained more"), "{verifying:?}");
}

#[tokio::test]
async fn the_leader_audits_on_and_on() {
    let mut system = System::shared().await;
    system.variables = vec![("LISTEN", "127.0.0.1:0".to_owned()), ("AUDIT_INTERVAL", "1s".to_owned())];
    let mut system = system.running(10, &["worker-1"]).await;
    system.until_loads(&[10]).await;
    let address = system.control.as_ref().unwrap().address().await;
    let metric = async |name: &str| {
        // Within its rate limit.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (answer, name) = (get(&address, "/metrics"), format!("notifi_scaler_control_{name}_total "));
        answer.lines().find_map(|line| line.strip_prefix(&name)?.parse::<u64>().ok()).unwrap()
    };
    eventually("some audits", async || if metric("audits").await >= 3 { Ok(()) } else { Err(get(&address, "/metrics")) }).await;
    assert_eq!((metric("doubles").await, metric("audits_failed").await), (0, 0));
    assert!(metric("audited_items").await >= 3);
    // As a worker would that has lost its slots and goes on.
    eventually("it finds the doubles", async || {
        system.run("update public.work_items set value = value + 1").await;
        if metric("doubles").await > 0 { Ok(()) } else { Err(metric("audits").await) }
    })
    .await;
    assert!(system.control.take().unwrap().err.contain("an audit found"));
}

#[tokio::test]
async fn the_leader_exports_the_age_of_the_oldest_transaction_and_vacuums_after_it() {
    let mut system = System::shared().await;
    system.variables = vec![("LISTEN", "127.0.0.1:0".to_owned()), ("AUDIT_INTERVAL", "1s".to_owned())];
    let system = system.running(10, &["worker-1"]).await;
    system.until_loads(&[10]).await;
    let address = system.control.as_ref().unwrap().address().await;
    let age_s = async || {
        // Within its rate limit.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let value = |line: &str| line.strip_prefix("notifi_scaler_control_oldest_transaction_seconds{} ")?.parse::<f64>().ok();
        get(&address, "/metrics").lines().find_map(value).unwrap_or(-1.0)
    };
    let becomes = async |what: &str, holds: fn(f64) -> bool| {
        eventually(what, async || {
            let age_s = age_s().await;
            if holds(age_s) { Ok(()) } else { Err(age_s) }
        })
        .await;
    };
    becomes("nothing lasts", |age_s| (0.0..1.0).contains(&age_s)).await;
    let mut transaction = system.user.begin().await.unwrap();
    sqlx::raw_sql("select count(*) from public.work_items").execute(&mut *transaction).await.unwrap();
    becomes("it is seen to last", |age_s| age_s > 11.0).await;
    transaction.rollback().await.unwrap();
    becomes("it is seen to be over", |age_s| (0.0..1.0).contains(&age_s)).await;
    let vacuumed = "select count(*) from pg_stat_user_tables where last_vacuum is not null and relname in ('slot', 'work_items')";
    eventually("slots and items are vacuumed", async || {
        let vacuumed: i64 = sqlx::query_scalar(vacuumed).fetch_one(&system.user).await.unwrap();
        if vacuumed == 2 { Ok(()) } else { Err(format!("{vacuumed} {:?}", system.control)) }
    })
    .await;
}
