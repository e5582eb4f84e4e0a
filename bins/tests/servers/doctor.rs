//! `notifi-scaler doctor` on troubles that are brought about on a real Postgres and a real Redis.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::AssertSqlSafe;
use test_servers::Postgres;

use crate::programs::Which;
use crate::system::{System, eventually};

/// Runs doctor with these variables, and returns the checks that do not pass, with their states.
async fn findings(system: &System, variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut doctor = system.start(Which::Tool, &["doctor", "--output", "json", "--wait", "5s"], variables);
    let code = doctor.ended().await;
    let output = doctor.out.all().join("\n");
    assert!(output.starts_with('{'), "{code}: {doctor:?}");
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(report["ok"], code == 0, "{report}");
    let text = |check: &Value, field: &str| check[field].as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap().iter();
    checks.map(|check| (text(check, "name"), text(check, "state"))).filter(|(_, state)| state != "ok").collect()
}

/// Waits until doctor finds this trouble.
async fn until_found(system: &System, variables: &[(&str, &str)], check: &str, state: &str) {
    eventually(&format!("{check}: {state}"), async || {
        let found = findings(system, variables).await;
        (found.get(check).map(String::as_str) == Some(state)).then_some(()).ok_or(found)
    })
    .await;
}

async fn until_well(system: &System) {
    eventually("all checks pass", async || {
        let found = findings(system, &[]).await;
        found.is_empty().then_some(()).ok_or(found)
    })
    .await;
}

#[tokio::test]
async fn troubles_of_rows_and_workers_are_found() {
    let system = System::shared().await.running(30, &["worker-1", "worker-2"]).await;
    system.until_loads(&[15, 15]).await;
    until_well(&system).await;

    let bad = system.owned().await["worker-1"].iter().next().copied().unwrap();
    let forbid = format!("alter table public.work_items add constraint small check (id <> '{bad}') not valid");
    sqlx::raw_sql(AssertSqlSafe(forbid)).execute(&system.user).await.unwrap();
    until_found(&system, &[], "refused-rows", "warning").await;
    system.run("alter table public.work_items drop constraint small").await;

    let pin = ["pin", "7", "worker-of-no-pod", "--even-if-unknown", "--yes"];
    assert_eq!(system.tool(&pin).await.0, 0);
    until_found(&system, &[], "pins", "warning").await;
    assert_eq!(system.tool(&["unpin", "7", "--yes"]).await.0, 0);
    until_well(&system).await;

    system.workers["worker-1"].signal("STOP");
    until_found(&system, &[], "workers", "warning").await;
    system.workers["worker-1"].signal("CONT");
    until_well(&system).await;

    let more = async || loop {
        system.run("update public.work_items set value = value + 2").await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    };
    tokio::select! {
        () = until_found(&system, &[], "doubles", "failed") => {}
        () = more() => unreachable!(),
    }
}

#[tokio::test]
async fn troubles_of_servers_are_found() {
    let mut system = System::shared().await.running(10, &["worker-1"]).await;
    system.until_loads(&[10]).await;
    until_found(&system, &[("REDIS_URL", "redis://127.0.0.1:1")], "members", "failed").await;
    let empty = Postgres::shared().await.new_database().await;
    until_found(&system, &[("DATABASE_URL", empty.url())], "schema", "failed").await;

    system.control.take().unwrap().kill();
    until_found(&system, &[], "leader", "failed").await;
    // Without a control plane, nothing creates the index anew.
    let drop_index = "do $$ declare index regclass; begin
        for index in select i.indexrelid::regclass from pg_index i
            where i.indrelid = 'public.work_items'::regclass and i.indexprs is not null loop
            execute format('drop index %s', index);
        end loop;
    end $$";
    system.run(drop_index).await;
    until_found(&system, &[], "table", "failed").await;
    system.start_control();
    until_well(&system).await;

    let generated = "alter table public.work_items drop column value, add column value integer generated always as (1) stored";
    system.run(generated).await;
    until_found(&system, &[], "table", "failed").await;
}

#[tokio::test]
async fn members_of_another_installation_are_found() {
    let system = System::shared().await.running(10, &["worker-1"]).await;
    let mut other = System::shared().await;
    other.redis_key.clone_from(&system.redis_key);
    let other = other.running(10, &["worker-of-another"]).await;
    until_found(&system, &[], "strangers", "warning").await;
    drop(other);
}
