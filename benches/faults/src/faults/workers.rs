//! Workers that die or are paused.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::oracle::{now_s, taken_over_after_s};
use crate::programs::Signal;
use crate::proxy::{Proxy, Traffic};
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::{Scene, World};

/// Maximum time until a precondition of the fault holds.
const SOON: Duration = Duration::from_secs(30);

/// Kills one worker, again and again; each time, only its slots move.
pub async fn kill(stage: Stage) -> Result<Report> {
    let rounds = stage.rounds(8, 3);
    let mut world = stage.world(Scene { workers: rounds + 2, ..Scene::default() }).await?;
    let watch = world.watch().await?;
    let (mut minimum, mut taken_s, mut steady_after) = (0, 0.0_f64, Duration::ZERO);
    for _ in 0..rounds {
        world.some_moment().await;
        let victim = world.any_worker()?;
        minimum += world.slots_of(&victim).await?;
        let (struck_s, struck) = (now_s(&world.user).await?, Instant::now());
        world.kill_worker(&victim).await?;
        steady_after = steady_after.max(world.steady().await?.saturating_duration_since(struck));
        taken_s = taken_s.max(taken_over_after_s(&world.user, &victim, struck_s).await?);
    }
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(2.0).moves_at_most(minimum);
    Ok(report.at_most("owned again after, s", taken_s, 2.0).steady_after(steady_after).note(format!("{rounds} kills")))
}

/// Lets a worker and its network vanish at once: its sessions are not closed.
pub async fn lose_host(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene { workers: 2, ..Scene::default() }).await?;
    let ways = world.start_worker_by_ways("worker-3").await?;
    world.steady().await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let minimum = world.slots_of("worker-3").await?;
    let (struck_s, struck) = (now_s(&world.user).await?, Instant::now());
    ways.postgres.set(Traffic::Stalls);
    ways.redis.set(Traffic::Stalls);
    world.kill_worker("worker-3").await?;
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    let taken_s = taken_over_after_s(&world.user, "worker-3", struck_s).await?;
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(6.0).moves_at_most(minimum);
    Ok(report.at_most("owned again after, s", taken_s, 4.0).steady_after(steady_after))
}

/// Pauses one worker for ten seconds. When it continues, it must not write before it learns that it has lost its slots.
pub async fn pause(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let victim = world.any_worker()?;
    let there = world.slots_of(&victim).await?;
    let struck_s = now_s(&world.user).await?;
    world.worker(&victim)?.signal(Signal::Stop).await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (taken_s, wakes_s, wakes) =
        (taken_over_after_s(&world.user, &victim, struck_s).await?, now_s(&world.user).await?, Instant::now());
    world.worker(&victim)?.signal(Signal::Cont).await?;
    let steady_after = world.steady().await?.saturating_duration_since(wakes);
    let there_and_back = there + world.slots_of(&victim).await?;
    let too_early = "select count(*) from public.audit where worker = $1 and at > to_timestamp($2)
                     and at < (select min(at) from public.audit_moves where took = $1 and at > to_timestamp($2))";
    let too_early: i64 = sqlx::query_scalar(too_early).bind(&victim).bind(wakes_s).fetch_one(&world.user).await?;
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(6.0).moves_at_most(there_and_back);
    let report =
        report.at_most("owned again after, s", taken_s, 4.0).at_most("rows written before it was owner again", too_early, 0.0);
    Ok(report.steady_after(steady_after))
}

/// Pauses a worker while the statement of its tick runs; the result is never read.
pub async fn pause_in_flight(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene::default()).await?;
    sqlx::raw_sql(include_str!("../sql/linger.sql")).execute(&world.user).await?;
    let watch = world.watch().await?;
    let victim = world.any_worker()?;
    let linger = "insert into public.linger select distinct 'scaler-worker ' || incarnation from scaler.slot where owner = $1";
    sqlx::query(linger).bind(&victim).execute(&world.user).await?;
    eventually(SOON, "the worker's statement runs", async || {
        let lingers = "select count(*) from pg_stat_activity a join public.linger l on l.session = a.application_name
                       where a.wait_event = 'PgSleep'";
        let lingers: i64 = sqlx::query_scalar(lingers).fetch_one(&world.user).await?;
        Ok(if lingers > 0 { Ok(()) } else { Err("it does not") })
    })
    .await?;
    world.worker(&victim)?.signal(Signal::Stop).await?;
    sqlx::query("delete from public.linger").execute(&world.user).await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let wakes = Instant::now();
    world.worker(&victim)?.signal(Signal::Cont).await?;
    let steady_after = world.steady().await?.saturating_duration_since(wakes);
    Ok(Report::of(watch.judge(&world.user).await?).gap_at_most(6.0).steady_after(steady_after))
}

/// Pauses a worker while its transaction is open: its whole tick is done, but the message that ends the transaction has not arrived.
pub async fn pause_unfinished(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene { workers: 2, ..Scene::default() }).await?;
    let ways = world.start_worker_by_ways("worker-3").await?;
    world.steady().await?;
    let watch = world.watch().await?;
    hold_its_slots(&world, &ways.postgres).await?;
    world.worker("worker-3")?.signal(Signal::Stop).await?;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let wakes = Instant::now();
    ways.postgres.set(Traffic::Flows);
    world.worker("worker-3")?.signal(Signal::Cont).await?;
    let steady_after = world.steady().await?.saturating_duration_since(wakes);
    Ok(Report::of(watch.judge(&world.user).await?).gap_at_most(6.0).steady_after(steady_after))
}

/// Stalls the traffic of a worker just when a transaction has written and cannot end. Most attempts find nothing to write.
async fn hold_its_slots(world: &World, way: &Proxy) -> Result<()> {
    eventually(SOON, "its transaction holds slots", async || {
        way.set(Traffic::StallsWithin(b"worker-3".to_vec()));
        eventually(SOON, "a call of its is on its way", async || Ok(if way.stalls() { Ok(()) } else { Err("none") })).await?;
        // Data that has arrived is processed before the check.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let writing =
            "select count(*) from pg_stat_activity a join scaler.slot s on a.application_name = 'scaler-worker ' || s.incarnation
                       where s.owner = 'worker-3' and a.backend_xid is not null";
        let writing: i64 = sqlx::query_scalar(writing).fetch_one(&world.user).await?;
        if writing == 0 {
            way.set(Traffic::Flows);
        }
        Ok(if writing > 0 { Ok(()) } else { Err("it has written nothing") })
    })
    .await
}

/// Kills all workers at once with SIGKILL, and starts them again under their names.
pub async fn kill_all(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let names: Vec<_> = world.workers.keys().cloned().collect();
    let struck = Instant::now();
    for name in &names {
        world.kill_worker(name).await?;
    }
    for name in &names {
        world.start_worker(name, &[])?;
    }
    let outage = struck.elapsed();
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(outage.as_secs_f64() + 2.0);
    Ok(report.moves_at_most(0).steady_after(steady_after))
}
