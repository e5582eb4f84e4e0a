//! The main job: items are shared, ticked once a second, and printed; workers and items come and go.

use std::process::Command;
use std::time::Instant;

use uuid::Uuid;

use crate::oracle::{assert_nothing_doubled, assert_nothing_missed, longest_gap_ms, moves};
use crate::programs::{Which, get};
use crate::system::{System, eventually};

#[tokio::test]
async fn three_workers_share_ten_items_and_tick_each_once_a_second() {
    let system = System::shared().await.running(10, &["worker-1", "worker-2", "worker-3"]).await;
    let took = system.until_loads(&[4, 3, 3]).await;
    println!("10 items, 3 workers: 4/3/3 and all ticked after {took:?}");

    let (first, settled) = (system.tick().await + 1, moves(&system.user).await);
    system.until_tick(first).await;
    let before: Vec<_> = system.workers.values().map(|worker| worker.out.count()).collect();
    assert_nothing_missed(&system.user, first..=first + 9).await;
    println!("{} increments, 0 doubles", assert_nothing_doubled(&system.user).await);
    assert_eq!(moves(&system.user).await, settled, "nothing moves while nothing changes");

    for (worker, before) in system.workers.values().zip(before) {
        let lines = worker.out.all();
        assert!(lines.len() >= before + 9, "a line a second: {:?}", worker.out);
        let last = lines.last().unwrap();
        assert!(lines[before..].iter().all(|line| line == last), "the same line after line: {:?}", worker.out);
        let ids: Vec<Uuid> = last.split_once("items: ").unwrap().1.split(' ').map(|id| id.parse().unwrap()).collect();
        assert!(last.contains(&format!("watching {} items: ", ids.len())) && ids.is_sorted(), "{last}");
    }
}

#[tokio::test]
async fn a_check_passes_while_all_is_ticked_and_fails_without_workers() {
    let mut system = System::shared().await.running(10, &["worker-1", "worker-2"]).await;
    system.until_loads(&[5, 5]).await;
    let (code, said) = system.tool(&["status", "--check"]).await;
    assert_eq!(code, 0, "{said}");
    for name in ["worker-1", "worker-2"] {
        system.kill_worker(name);
    }
    let (code, said) = system.tool(&["status", "--check"]).await;
    assert!(code == 1 && said.contains("10 items were not incremented in every tick"), "{said}");
}

#[tokio::test]
async fn a_killed_workers_items_go_to_the_others_and_a_new_one_gets_its_share() {
    let mut system = System::shared().await.running(10, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[4, 3, 3]).await;
    let before = system.owned().await;

    system.kill_worker("worker-1");
    let took = system.until_loads(&[5, 5]).await;
    let (after, tick) = (system.owned().await, system.tick().await);
    system.until_tick(tick + 2).await;
    println!("SIGKILL: 5/5 after {took:?}, longest gap of an item {} ms", longest_gap_ms(&system.user).await);
    for name in ["worker-2", "worker-3"] {
        assert!(before[name].is_subset(&after[name]), "{name} keeps what it had");
    }

    let tick = system.tick().await;
    system.start_worker("worker-4");
    system.until_loads(&[4, 3, 3]).await;
    let shared = system.owned().await;
    for name in ["worker-2", "worker-3"] {
        assert!(shared[name].is_subset(&after[name]), "{name} receives nothing");
    }
    assert!((3..=4).contains(&shared["worker-4"].len()));
    let now = system.tick().await;
    assert_nothing_missed(&system.user, tick + 1..=now + 1).await;
    assert_nothing_doubled(&system.user).await;
}

#[tokio::test]
async fn a_drained_worker_hands_over_without_a_missed_tick() {
    let mut system = System::shared().await.running(1000, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[334, 333, 333]).await;
    let first = system.tick().await;

    let begun = Instant::now();
    let mut leaver = system.workers.remove("worker-1").unwrap();
    leaver.signal("TERM");
    assert_eq!(leaver.ended().await, 0, "{leaver:?}");
    println!("SIGTERM: drained and gone after {:?}", begun.elapsed());
    system.until_loads(&[500, 500]).await;
    let last = system.tick().await;
    assert_nothing_missed(&system.user, first..=last + 1).await;
    assert_nothing_doubled(&system.user).await;
    let (_, hash) = redis(&system, &["hgetall", &system.redis_key]);
    assert!(!hash.contains("worker-1"), "{hash}");
}

#[tokio::test]
async fn rows_that_come_are_ticked_and_rows_that_go_are_printed_no_more() {
    let system = System::shared().await.running(10, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[4, 3, 3]).await;

    let begun = Instant::now();
    system.run("insert into public.work_items (value) select 0 from generate_series(1, 5)").await;
    let unticked = "select count(*) from public.work_items where value = 0";
    eventually("each new row is ticked", async || {
        let unticked: i64 = sqlx::query_scalar(unticked).fetch_one(&system.user).await.unwrap();
        if unticked == 0 { Ok(()) } else { Err(unticked) }
    })
    .await;
    println!("5 rows inserted: ticked after {:?}", begun.elapsed());
    eventually("all rows are printed", async || {
        let printed = system.printed().values().flatten().count();
        if printed == 15 { Ok(()) } else { Err(printed) }
    })
    .await;

    let begun = Instant::now();
    let gone: Vec<Uuid> = sqlx::query_scalar(
        "delete from public.work_items where id in (select id from public.work_items order by id limit 5) returning id",
    )
    .fetch_all(&system.user)
    .await
    .unwrap();
    eventually("deleted rows are printed no more", async || {
        let printed = system.printed();
        let shown = gone.iter().filter(|id| printed.values().any(|items| items.contains(id))).count();
        if shown == 0 { Ok(()) } else { Err(shown) }
    })
    .await;
    println!("5 rows deleted: gone from the lists after {:?}", begun.elapsed());
    assert_nothing_doubled(&system.user).await;
}

#[tokio::test]
async fn the_originals_monitoring_commands_show_what_they_should() {
    let system = System::shared().await.running(10, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[4, 3, 3]).await;
    system.until_tick(system.tick().await + 3).await;

    let rows: Vec<(Uuid, i32, String)> =
        sqlx::query_as("SELECT * FROM public.work_items ORDER BY currentWorker").fetch_all(&system.user).await.unwrap();
    let workers: Vec<_> = rows.iter().map(|(_, _, worker)| worker.as_str()).collect();
    assert!(rows.len() == 10 && rows.iter().all(|(_, value, _)| *value > 0) && workers.is_sorted());
    assert_eq!(workers.iter().filter(|worker| **worker == "worker-1").count(), system.owned().await["worker-1"].len());

    let (code, hash) = redis(&system, &["hgetall", &system.redis_key]);
    assert_eq!(code, 0);
    for (name, items) in system.owned().await {
        assert!(hash.contains(&name) && items.iter().all(|item| hash.contains(&item.to_string())), "{name} in {hash}");
    }

    let (code, status) = system.tool(&["status"]).await;
    assert_eq!(code, 0, "{status}");
    assert!(["worker-1", "worker-2", "worker-3", "healthy"].iter().all(|text| status.contains(text)), "{status}");
    let (code, list) = system.tool(&["items", "list"]).await;
    assert!(code == 0 && rows.iter().all(|(id, ..)| list.contains(&id.to_string())), "{list}");
}

#[tokio::test]
async fn health_readiness_and_metrics_are_served() {
    let mut system = System::shared().await.running(10, &[]).await;
    let listening = [("LISTEN", "127.0.0.1:0"), ("POD_NAME", "worker-1")];
    system.control = Some(system.start(Which::ControlPlane, &[], &listening));
    system.workers.insert("worker-1".to_owned(), system.start(Which::Worker, &[], &listening));
    system.until_loads(&[10]).await;
    for (program, metric) in [
        (system.control.as_ref().unwrap(), "notifi_scaler_control_items 10"),
        (&system.workers["worker-1"], "notifi_scaler_worker_watched_items 10"),
    ] {
        let address = program.address().await;
        eventually(metric, async || {
            let answers = ["/health", "/ready", "/metrics"].map(|path| get(&address, path));
            let well = answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200")) && answers[2].contains(metric);
            well.then_some(()).ok_or(answers)
        })
        .await;
    }
}

/// Returns the output of redis-cli.
fn redis(system: &System, words: &[&str]) -> (i32, String) {
    let output =
        Command::new("redis-cli").args(["-u", &system.redis_url]).args(words).output().expect("redis-cli comes with Redis");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}
