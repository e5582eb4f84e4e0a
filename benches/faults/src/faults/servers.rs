//! Postgres and Redis that fail over, have another clock, are far away, or are behind a pooler.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use test_servers::{Clock, PgBouncer, Postgres, PostgresPair, Redis, Sentinel};

use crate::error::{PlayError, Result};
use crate::faults::redis::{ask, until_members};
use crate::oracle::Watch;
use crate::proxy::{Proxy, Traffic};
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::{Scene, World};

const SOON: Duration = Duration::from_secs(30);
/// Maximum time to wait, longer than any stall that a jump of the clock may cause.
const LONGEST_STALL: Duration = Duration::from_secs(60);

/// Kills Redis; Sentinel promotes its replica. Data that was on its way to the replica is lost.
pub async fn redis_fails_over(stage: Stage) -> Result<Report> {
    let sentinel = Sentinel::private().await;
    let mut world = World::on(Postgres::shared().await, &sentinel.url(), stage.dice.clone()).await?;
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    let struck = Instant::now();
    sentinel.fail_over().await;
    until_members(sentinel.replica().url(), &world.redis_key, 3).await?;
    let again = struck.elapsed();
    world.steady().await?;
    let report = Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(0);
    Ok(report.steady_after(again).note(world.false_suspicions()))
}

/// Lets the clock of Redis jump by an hour, and back. Only the clock of its machine could be set. A jump shows only in the age of the data,
/// so that is what changes.
pub async fn redis_clock_jumps(stage: Stage) -> Result<Report> {
    let world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    let seen = format!("{{{}}}:seen", world.redis_key);
    for hours in ["-3600000", "3600000"] {
        let older = "local seen = redis.call('zrange', KEYS[1], 0, -1) \
                     for _, member in ipairs(seen) do redis.call('zincrby', KEYS[1], ARGV[1], member) end return #seen";
        let changed = ask(&world.redis_url, &["eval", older, "1", &seen, hours]).await?;
        if changed.trim() != "3" {
            return Err(PlayError::Unfit(format!("{seen} does not hold three workers: {changed}")));
        }
        world.steady().await?;
    }
    Ok(Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(0))
}

/// Kills Postgres and its machine; the standby, which has not received the last second, takes over at the same address.
pub async fn failover_by_address(stage: Stage) -> Result<Report> {
    fail_over(&stage, Found::ByAddress).await
}

/// Does the same for programs that know both servers, and look for the one that takes writes.
pub async fn failover_by_hosts(stage: Stage) -> Result<Report> {
    fail_over(&stage, Found::ByHosts).await
}

/// Way in which programs find the server that takes writes.
enum Found {
    /// One address, which leads to it.
    ByAddress,
    /// Several hosts.
    ByHosts,
}

async fn fail_over(stage: &Stage, found: Found) -> Result<Report> {
    let pair = PostgresPair::private().await;
    let database = pair.new_database().await;
    let on = |server: &Postgres| format!("{}{}", server.url().trim_end_matches("postgres"), database.name());
    let (before, after) = (on(pair.primary()), on(pair.standby()));
    let (way, address) = Proxy::to(&before, stage.dice.clone()).await?;
    let mut world = World::in_database(&before, Redis::shared().await.url(), stage.dice.clone()).await?;
    let url = match found {
        Found::ByAddress => address,
        Found::ByHosts => database.url().to_owned(),
    };
    world.worker_database_url = Some(url.clone());
    world.control_database_url = Some(url);
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    caught_up(pair.primary(), pair.standby()).await?;

    pair.part().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let struck = Instant::now();
    pair.primary().kill().await;
    pair.promote().await;
    way.lead_to(&after)?;
    let (outage, back) = (struck.elapsed(), Instant::now());
    world.user = PgPool::connect(&after).await?;
    let steady_after = world.steady().await?.saturating_duration_since(back);
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(1.0 + outage.as_secs_f64() + 2.0).moves_at_most(0);
    Ok(report.steady_after(steady_after).note("the last second is lost"))
}

/// Waits until the standby has received all that the primary has written so far.
pub async fn caught_up(primary: &Postgres, standby: &Postgres) -> Result<()> {
    let (primary, standby) = (PgPool::connect(primary.url()).await?, PgPool::connect(standby.url()).await?);
    let written: String = sqlx::query_scalar("select pg_current_wal_lsn()::text").fetch_one(&primary).await?;
    eventually(SOON, "the standby has caught up", async || {
        let has = "select pg_last_wal_replay_lsn() >= $1::pg_lsn";
        let has: bool = sqlx::query_scalar(has).bind(&written).fetch_one(&standby).await?;
        Ok(if has { Ok(()) } else { Err("not yet") })
    })
    .await
}

/// Lets the clock of Postgres jump half a minute ahead.
pub async fn clock_jumps_ahead(stage: Stage) -> Result<Report> {
    clock_jumps(&stage, 30).await
}

/// Lets the clock of Postgres jump half a minute back.
pub async fn clock_jumps_back(stage: Stage) -> Result<Report> {
    clock_jumps(&stage, -30).await
}

async fn clock_jumps(stage: &Stage, ahead_s: i64) -> Result<Report> {
    let clock = Clock::right();
    let postgres = Postgres::private_with_clock(&clock).await;
    let mut world = World::on(&postgres, Redis::shared().await.url(), stage.dice.clone()).await?;
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    clock.set(ahead_s);
    let stall = longest_stall(&world).await?;
    let ended = Instant::now();
    let steady_after = world.steady().await?.saturating_duration_since(ended);
    let moved = watch.moved(&world.user).await?;
    let fell_s = Duration::from_secs(ahead_s.min(0).unsigned_abs()).as_secs_f64();
    let mut uncounted_s = fell_s;
    for leader in world.control_planes.values() {
        uncounted_s -= leader.metric("notifi_scaler_control_clock_fell_seconds_total").await?;
    }
    // With a clock that jumps, neither ticks nor gaps can be counted. Invariants can be checked, and the stall is measured by this machine's
    // clock.
    let found = Report::of(watch.judge(&world.user).await?);
    let report = Report { findings: None, ..found }.at_most("longest stall, s", stall, 6.0).steady_after(steady_after);
    let report = report.at_most("fall counted but for, s", uncounted_s.abs(), 2.0);
    Ok(report.note(format!("{moved} slots moved")))
}

/// Returns the longest time, by this machine's clock, for which the item that lags most was not incremented; ends once it has been for five
/// seconds.
async fn longest_stall(world: &World) -> Result<Duration> {
    let begun = Instant::now();
    let (mut longest, mut last, mut value, mut steps) = (Duration::ZERO, begun, i32::MIN, 0);
    while steps < 5 && begun.elapsed() < LONGEST_STALL {
        let least: i32 = sqlx::query_scalar("select min(value) from public.work_items").fetch_one(&world.user).await?;
        longest = longest.max(last.elapsed());
        if least > value {
            steps = if last.elapsed() < Duration::from_secs(2) { steps + 1 } else { 0 };
            (last, value) = (Instant::now(), least);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(longest)
}

/// Runs with Postgres 100 ms away and a packet loss of five percent.
pub async fn far_away(stage: Stage) -> Result<Report> {
    let mut world = World::shared(stage.dice.clone()).await?;
    world.install(1000).await?;
    let (way, url) = Proxy::to(&world.database_url, stage.dice.clone()).await?;
    way.set(Traffic::Slow { delay: Duration::from_millis(50), lost_percent: 5 });
    world.worker_database_url = Some(url.clone());
    world.control_database_url = Some(url);
    world.play_on(Scene::default()).await?;
    let watch = world.watch().await?;
    tokio::time::sleep(stage.lasting(120, 30)).await;
    let findings = watch.judge(&world.user).await?;
    let share = format!("{:.2} % of all ticks of items missed", findings.missed_percent);
    Ok(Report::of(findings).moves_at_most(0).note(share))
}

/// Runs all programs through PgBouncer in transaction mode; one worker drains, and one dies.
pub async fn pooled(stage: Stage) -> Result<Report> {
    let postgres = Postgres::shared().await;
    let (database, pooler) = (postgres.new_database().await, PgBouncer::in_front_of(postgres).await);
    let mut world = World::in_database(database.url(), Redis::shared().await.url(), stage.dice.clone()).await?;
    let url = pooler.url(&database);
    world.worker_database_url = Some(url.clone());
    world.control_database_url = Some(url);
    // Nothing can be installed through a pooler.
    world.install(1000).await?;
    world.variables.insert("POSTGRES_POOLER".to_owned(), "transaction".to_owned());
    world.play_on(Scene { workers: 4, ..Scene::default() }).await?;
    let watch: Watch = world.watch().await?;
    let minimum = world.slots_of("worker-4").await?;
    world.drain_worker("worker-4").await?;
    world.steady().await?;
    let missed = watch.judge(&world.user).await?.missed_p100;
    let minimum = minimum + world.slots_of("worker-3").await?;
    let struck = Instant::now();
    world.kill_worker("worker-3").await?;
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(6.0).moves_at_most(minimum);
    Ok(report.at_most("ticks missed by the drain", missed, 0.0).steady_after(steady_after))
}
