//! Servers and processes that go away and come back.

use std::time::{Duration, Instant};

use test_servers::{Postgres, Redis};

use crate::oracle::{assert_nothing_doubled, assert_nothing_missed, longest_gap_ms, moves};
use crate::programs::Which;
use crate::system::{System, eventually};

#[tokio::test]
async fn without_redis_no_tick_is_missed_and_nothing_moves() {
    let redis = Redis::private().await;
    let database = Postgres::database().await;
    let system = System::on(database.url().to_owned(), redis.url().to_owned()).await;
    let system = system.running(100, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[34, 33, 33]).await;
    let (first, before) = (system.tick().await, moves(&system.user).await);

    redis.stop().await;
    system.until_tick(first + 10).await;
    redis.start().await;
    eventually("the workers register again", async || {
        let (code, status) = system.tool(&["status"]).await;
        (code == 0 && status.matches("healthy").count() == 3).then_some(()).ok_or(status)
    })
    .await;
    let last = system.tick().await;
    assert_nothing_missed(&system.user, first..=last + 3).await;
    assert_eq!(moves(&system.user).await, before, "slots moved");
    println!("Redis away for 10 s: {} increments, 0 missed, 0 doubles, 0 moves", assert_nothing_doubled(&system.user).await);
}

#[tokio::test]
async fn after_a_restart_of_postgres_all_goes_on_by_itself() {
    let postgres = Postgres::private().await;
    let database = postgres.new_database().await;
    let system = System::on(database.url().to_owned(), Redis::shared().await.url().to_owned()).await;
    let system = system.running(100, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[34, 33, 33]).await;
    let before = moves(&system.user).await;

    let begun = Instant::now();
    postgres.restart().await;
    let outage = begun.elapsed();
    let back = eventually("Postgres answers again", async || {
        sqlx::query_scalar("select tick from scaler.clock()").fetch_one(&system.user).await
    })
    .await;
    let _: i64 = back;
    eventually("every item is ticked again", async || {
        let ticked = "select count(distinct id) from public.audit where tick > $1";
        let ticked: i64 = sqlx::query_scalar(ticked).bind(back).fetch_one(&system.user).await.unwrap();
        if ticked == 100 { Ok(()) } else { Err(ticked) }
    })
    .await;
    let first = system.tick().await + 1;
    assert_nothing_missed(&system.user, first..=first + 3).await;
    assert_nothing_doubled(&system.user).await;
    let moved = moves(&system.user).await - before;
    println!("Postgres restarted in {outage:?}: longest gap {} ms, {moved} moves", longest_gap_ms(&system.user).await);
}

#[tokio::test]
async fn a_paused_worker_is_fenced_when_it_wakes() {
    let mut system = System::shared().await.running(100, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[34, 33, 33]).await;
    let paused = system.workers.remove("worker-1").unwrap();
    paused.signal("STOP");
    let took = system.until_loads(&[50, 50]).await;
    paused.signal("CONT");
    system.workers.insert("worker-1".to_owned(), paused);
    system.until_loads(&[34, 33, 33]).await;
    println!("SIGSTOP: taken over after {took:?}, longest gap {} ms", longest_gap_ms(&system.user).await);
    assert_nothing_doubled(&system.user).await;
}

#[tokio::test]
async fn the_older_of_two_with_one_name_says_so_and_stops() {
    let mut system = System::shared().await.running(10, &["worker-1", "worker-2"]).await;
    system.until_loads(&[5, 5]).await;
    let before = system.owned().await;
    let mut older = system.workers.remove("worker-1").unwrap();
    system.start_worker("worker-1");
    assert_eq!(older.ended().await, 1, "{older:?}");
    assert!(older.err.contain("worker-1"), "{older:?}");
    system.until_loads(&[5, 5]).await;
    assert_eq!(system.owned().await, before, "no item moves");
    assert_nothing_doubled(&system.user).await;
}

#[tokio::test]
async fn workers_that_start_first_wait_for_the_control_plane() {
    let mut system = System::shared().await;
    for name in ["worker-1", "worker-2"] {
        system.start_worker(name);
    }
    eventually("the workers wait for the schema", async || {
        let waiting = system.workers.values().all(|worker| worker.err.contain("schema"));
        waiting.then_some(()).ok_or_else(|| format!("{:?}", system.workers))
    })
    .await;
    system.start_control();
    eventually("the schema is there", async || {
        sqlx::query("insert into public.work_items (value) select 0 from generate_series(1, 10)").execute(&system.user).await
    })
    .await;
    system.until_loads(&[5, 5]).await;
}

#[tokio::test]
async fn programs_wait_for_servers_that_are_away_at_the_start() {
    let (postgres, redis) = (Postgres::private().await, Redis::private().await);
    let database = postgres.new_database().await;
    let mut system = System::on(database.url().to_owned(), redis.url().to_owned()).await;
    postgres.stop().await;
    redis.stop().await;
    system.start_control();
    system.start_worker("worker-1");
    eventually("both say that they try again", async || {
        let control = system.control.as_ref().unwrap();
        let told = [control, &system.workers["worker-1"]]
            .iter()
            .all(|program| program.err.contain("again") || program.err.contain("retry"));
        told.then_some(()).ok_or_else(|| format!("{control:?} {:?}", system.workers))
    })
    .await;
    postgres.start().await;
    redis.start().await;
    eventually("the schema is there", async || {
        sqlx::query("insert into public.work_items (value) select 0 from generate_series(1, 10)").execute(&system.user).await
    })
    .await;
    system.until_loads(&[10]).await;
}

#[tokio::test]
async fn a_second_signal_ends_a_draining_worker_at_once() {
    let mut system = System::shared().await.running(10, &["worker-1"]).await;
    system.until_loads(&[10]).await;
    let mut worker = system.workers.remove("worker-1").unwrap();
    worker.signal("TERM");
    eventually("it drains", async || if worker.err.contain("drain") { Ok(()) } else { Err(format!("{worker:?}")) }).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(worker.exit_code(), None, "nobody can take over, so it goes on: {worker:?}");
    worker.signal("INT");
    assert_eq!(worker.ended().await, 130, "{worker:?}");
}

#[tokio::test]
async fn a_stopped_control_plane_makes_room_for_the_next() {
    let mut system = System::shared().await.running(10, &["worker-1"]).await;
    system.until_loads(&[10]).await;
    let first = system.tick().await;
    let next = system.start(Which::ControlPlane, &[], &[]);
    let mut leader = system.control.replace(next).unwrap();
    leader.signal("TERM");
    assert_eq!(leader.ended().await, 0, "{leader:?}");
    system.start_worker("worker-2");
    system.until_loads(&[5, 5]).await;
    let last = system.tick().await;
    assert_nothing_missed(&system.user, first..=last + 1).await;
    assert_nothing_doubled(&system.user).await;
}
