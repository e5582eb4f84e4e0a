//! Many workers that reconnect at once: the servers must not be overloaded by their connections.

use std::future::Future;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, PgPool};
use test_servers::{Postgres, Redis};

use crate::crowd::Crowd;
use crate::error::{PlayError, Result};
use crate::faults::redis::{ask, until_members};
use crate::oracle::now_s;
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::World;

/// Number of workers that start at a time before the fault.
const BATCH: u32 = 100;
/// Sessions of a worker: one for ticks and one for all other calls.
const SESSIONS_OF_A_WORKER: f64 = 2.0;
/// Minimum time between two attempts at a session that the server refuses, after some attempts.
const ASKED_AGAIN_AFTER_S: f64 = 2.5;
const MOST_SESSIONS: &str = "4000";
/// Maximum time until all are back. Postgres creates a process and some plans per session: on two cores, 2,000 of them take most of this
/// time.
const BACK_WITHIN_S: f64 = 60.0;
const PATIENCE: Duration = Duration::from_secs(150);
const SECOND: Duration = Duration::from_secs(1);

/// Restarts both servers under a thousand workers. Then it ends all their connections while Postgres has room for a quarter of them.
pub async fn thousand_return(stage: Stage) -> Result<Report> {
    let settings = [("max_connections", MOST_SESSIONS), ("log_connections", "on"), ("log_line_prefix", "%n ")];
    let (postgres, redis) = (Postgres::private_with(&settings).await, Redis::private().await);
    let world = World::on(&postgres, redis.url(), stage.dice.clone()).await?;
    let workers = stage.rounds(1000, 300);
    let places = workers / 2;
    let sessions = SESSIONS_OF_A_WORKER * f64::from(workers);
    let asked_again = (sessions - f64::from(places)) / ASKED_AGAIN_AFTER_S;
    let mut crowd = gather(&world, workers).await?;

    let struck = Instant::now();
    tokio::join!(postgres.stop(), redis.stop());
    tokio::time::sleep(stage.lasting(20, 5)).await;
    tokio::join!(postgres.start(), redis.start());
    let (outage, back) = (struck.elapsed(), Instant::now());
    let (redis_most, all_after) = counting(redis.url(), until_all_work(&mut crowd, &world, back)).await?;
    let returned = Arrivals::since(&world.user, 0.0).await?;

    let (full_since, few) = (now_s(&world.user).await?, stage.lasting(60, 20));
    limit(&world.user, &places.to_string()).await?;
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'fault_worker'";
    sqlx::query(end).execute(&world.user).await?;
    tokio::time::sleep(few / 2).await;
    let late = now_s(&world.user).await?;
    tokio::time::sleep(few / 2).await;
    let (full, refused) = (Arrivals::since(&world.user, full_since).await?, Arrivals::since(&world.user, late).await?);
    limit(&world.user, "-1").await?;
    let found_after = until_all_work(&mut crowd, &world, Instant::now()).await?;

    let apart =
        "select count(*) from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id) where w.value <> s.ticks";
    let apart: i64 = sqlx::query_scalar(apart).fetch_one(&world.user).await?;
    Ok(Report::default()
        .at_most("values apart from their ticks", apart, 0.0)
        .at_most("sessions asked for within a second", returned.most_within_a_second, sessions)
        .at_most("sessions asked for until all were back", returned.all, 2.0 * sessions)
        .at_most("connections to Redis within a second", redis_most, sessions)
        .at_most("all back after, s", all_after, BACK_WITHIN_S)
        .at_most(
            "sessions refused within a second, when it has been full for a while",
            refused.refused_within_a_second,
            asked_again,
        )
        .at_most("all at work after there were places, s", found_after, BACK_WITHIN_S)
        .steady_after(all_after)
        .note(format!(
            "{workers} workers, outage {:.1} s; {} refused in {} s",
            outage.as_secs_f64(),
            full.refused,
            few.as_secs()
        )))
}

/// Starts this many workers with four items each. They start in batches, since only their return is measured.
async fn gather(world: &World, workers: u32) -> Result<Crowd> {
    sqlx::raw_sql("create role fault_worker login").execute(&world.user).await?;
    world.tool(&["migrate", "--worker-role", "fault_worker"]).await?;
    world.tool(&["items", "add", &(4 * workers).to_string()]).await?;
    let share = format!(
        "update scaler.slot set owner = 'worker-' || slot % {workers}, incarnation = gen_random_uuid(), epoch = epoch + 1"
    );
    sqlx::raw_sql(AssertSqlSafe(share)).execute(&world.user).await?;
    let url = world.database_url.replacen("postgres@", "fault_worker@", 1);
    let mut crowd = Crowd::default();
    for first in (0..workers).step_by(BATCH as usize) {
        let began = Instant::now();
        for number in first..first + BATCH {
            crowd.add(&format!("worker-{number}"), &url, &world.redis_url, &world.redis_key)?;
        }
        until_all_tick(&mut crowd, began).await?;
    }
    until_members(&world.redis_url, &world.redis_key, crowd.size()).await?;
    Ok(crowd)
}

/// Waits until each worker has ticked and is in Redis, and returns the time since `since`.
async fn until_all_work(crowd: &mut Crowd, world: &World, since: Instant) -> Result<Duration> {
    until_all_tick(crowd, since).await?;
    until_members(&world.redis_url, &world.redis_key, crowd.size()).await?;
    Ok(since.elapsed())
}

async fn until_all_tick(crowd: &mut Crowd, since: Instant) -> Result<()> {
    eventually(PATIENCE, "all workers tick", async || {
        let silent = crowd.silent_since(since)?;
        Ok(if silent == 0 { Ok(()) } else { Err(silent) })
    })
    .await
}

/// Sets the maximum number of sessions of the workers.
async fn limit(user: &PgPool, sessions: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(format!("alter role fault_worker connection limit {sessions}"))).execute(user).await?;
    Ok(())
}

/// Connections that reached Postgres, by its own log.
#[derive(Debug, sqlx::FromRow)]
struct Arrivals {
    all: i64,
    most_within_a_second: i64,
    refused: i64,
    refused_within_a_second: i64,
}

impl Arrivals {
    async fn since(user: &PgPool, since_s: f64) -> Result<Self> {
        Ok(sqlx::query_as(include_str!("../sql/arrivals.sql")).bind(since_s).fetch_one(user).await?)
    }
}

/// Returns the maximum number of connections that Redis accepted within a second meanwhile, by its own count.
async fn counting<T>(redis_url: &str, meanwhile: impl Future<Output = Result<T>>) -> Result<(i64, T)> {
    let mut totals: Vec<(Instant, i64)> = Vec::new();
    let count = async {
        loop {
            totals.extend(connections_so_far(redis_url).await.ok().map(|total| (Instant::now(), total)));
            tokio::time::sleep(SECOND / 10).await;
        }
    };
    let done = tokio::select! {
        done = meanwhile => done?,
        () = count => return Err(PlayError::Unfit("counting has no end".to_owned())),
    };
    let within = |(first, before): &(Instant, i64)| {
        let span = |at: &Instant| *at >= *first && at.saturating_duration_since(*first) <= SECOND;
        totals.iter().filter(|(at, _)| span(at)).map(|(_, total)| total - before).max()
    };
    let most = totals.iter().filter_map(within).max();
    Ok((most.ok_or_else(|| PlayError::Unfit("Redis told of no connections".to_owned()))?, done))
}

async fn connections_so_far(redis_url: &str) -> Result<i64> {
    let said = ask(redis_url, &["info", "stats"]).await?;
    let total = said.lines().find_map(|line| line.strip_prefix("total_connections_received:")?.trim().parse().ok());
    total.ok_or(PlayError::Unfit(said))
}
