//! The programs on servers that fail over, and through a pooler: real ones.

use std::time::Instant;

use sqlx::PgPool;
use test_servers::{Database, PgBouncer, Postgres, PostgresPair, Redis, Sentinel};

use crate::oracle::{assert_nothing_doubled, assert_nothing_missed, moves};
use crate::system::{System, eventually};

/// `host:port` of one of the hosts of a database.
fn host(database: &Database, n: usize) -> String {
    let hosts = database.url().rsplit_once('@').unwrap().1.split('/').next().unwrap();
    hosts.split(',').nth(n).unwrap().to_owned()
}

#[tokio::test]
async fn after_a_failover_to_the_standby_all_items_are_ticked_again_and_none_twice() {
    let (pair, redis) = (PostgresPair::private().await, Redis::private().await);
    let database = pair.new_database().await;
    let of = |n| format!("postgres://postgres@{}/{}", host(&database, n), database.name());
    let mut system = System::on(of(0), redis.url().to_owned()).await;
    system.database_url = database.url().to_owned();
    let mut system = system.running(30, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[10, 10, 10]).await;

    pair.part().await;
    let last = system.tick().await;
    system.until_tick(last + 2).await;
    pair.primary().kill().await;
    let begun = Instant::now();
    pair.promote().await;
    let promoted = begun.elapsed();
    system.user = PgPool::connect(&of(1)).await.unwrap();
    let resumed = system.tick().await;
    eventually("every item is ticked on the survivor", async || {
        let late = "select count(*) from public.work_items w where not exists (select from public.audit a where a.id = w.id and a.tick >= $1)";
        let late: i64 = sqlx::query_scalar(late).bind(resumed).fetch_one(&system.user).await.map_err(|error| error.to_string())?;
        if late == 0 { Ok(()) } else { Err(format!("{late} {:?}", system.workers)) }
    })
    .await;
    let took = begun.elapsed();
    system.until_loads(&[10, 10, 10]).await;
    let steady = system.tick().await + 1;
    assert_nothing_missed(&system.user, steady..=steady + 2).await;
    let increments = assert_nothing_doubled(&system.user).await;
    assert_eq!(system.tool(&["verify", "--window", "2s"]).await.0, 0);
    println!(
        "failover: promoted within {promoted:?}, all ticked after {took:?}, {increments} increments on the survivor, 0 doubles"
    );
}

#[tokio::test]
async fn through_pgbouncer_workers_share_die_and_drain_as_without() {
    let (postgres, redis) = (Postgres::private().await, Redis::private().await);
    let pooler = PgBouncer::in_front_of(&postgres).await;
    let database = postgres.new_database().await;
    let mut system = System::on(database.url().to_owned(), redis.url().to_owned()).await;
    system.install(30).await;
    system.database_url = pooler.url(&database);
    system.variables = vec![("POSTGRES_POOLER", "transaction".to_owned())];
    system.start_control();
    for name in ["worker-1", "worker-2", "worker-3"] {
        system.start_worker(name);
    }
    system.until_loads(&[10, 10, 10]).await;
    let first = system.tick().await + 1;
    assert_nothing_missed(&system.user, first..=first + 2).await;
    assert_eq!(system.tool(&["verify", "--window", "3s"]).await.0, 0);

    let begun = Instant::now();
    system.kill_worker("worker-2");
    system.until_loads(&[15, 15]).await;
    let took = begun.elapsed();
    let before_drain = system.tick().await;
    let mut leaver = system.workers.remove("worker-3").unwrap();
    leaver.signal("TERM");
    assert_eq!(leaver.ended().await, 0, "{leaver:?}");
    system.until_loads(&[30]).await;
    let last = system.tick().await;
    assert_nothing_missed(&system.user, before_drain..=last).await;
    let increments = assert_nothing_doubled(&system.user).await;
    println!("pgbouncer: a killed worker's items owned by others after {took:?}; {increments} increments, 0 doubles");

    pooler.stop().await;
    eventually("the worker says so", async || if system.workers["worker-1"].err.contain("store") { Ok(()) } else { Err(()) })
        .await;
    pooler.start().await;
    let back = system.tick().await;
    eventually("it ticks again", async || {
        let ticked: i64 = sqlx::query_scalar("select max(tick) from public.audit").fetch_one(&system.user).await.unwrap();
        if ticked > back { Ok(()) } else { Err(format!("{:?}", system.workers)) }
    })
    .await;
    assert_nothing_doubled(&system.user).await;
}

#[tokio::test]
async fn a_failover_of_redis_by_sentinel_costs_no_tick_and_no_move() {
    let sentinel = Sentinel::private().await;
    let database = Postgres::database().await;
    let mut system = System::on(database.url().to_owned(), sentinel.url()).await.running(20, &["worker-1", "worker-2"]).await;
    system.until_loads(&[10, 10]).await;
    let (before, first) = (moves(&system.user).await, system.tick().await);
    system.run("create table public.before as select slot, epoch from scaler.slot").await;
    let begun = Instant::now();
    sentinel.fail_over().await;
    let took = begun.elapsed();
    system.start_worker("worker-3");
    system.until_loads(&[7, 7, 6]).await;
    let last = system.tick().await;
    assert_nothing_missed(&system.user, first..=last).await;
    assert_nothing_doubled(&system.user).await;
    let moved = moves(&system.user).await - before;
    println!("Sentinel: replaced after {took:?}, a newcomer was found through the new primary; {moved} slots moved, all for it");
    let to_others =
        "select count(*) from scaler.slot s join public.before b using (slot) where s.owner <> 'worker-3' and s.epoch <> b.epoch";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(to_others).fetch_one(&system.user).await.unwrap(),
        0,
        "no slot moved between the others"
    );
}
