//! Servers that vanish and leave connections open, while another server takes over at their address.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use test_servers::{PgBouncer, Postgres, PostgresPair, Redis};

use crate::error::Result;
use crate::faults::servers::caught_up;
use crate::proxy::{Proxy, Traffic};
use crate::report::Report;
use crate::stage::Stage;
use crate::world::{Scene, World};

/// Time for which there is no server at the address.
const GONE_FOR: Duration = Duration::from_secs(2);
/// Maximum time after that until all items are ticked again: no connection survives three seconds without an answer.
const BACK_WITHIN_S: f64 = 5.0;

/// Lets the machine of Postgres lose power; its standby takes over at its address.
pub async fn postgres(stage: Stage) -> Result<Report> {
    let pair = PostgresPair::private().await;
    let database = pair.new_database().await;
    let on = |server: &Postgres| format!("{}{}", server.url().trim_end_matches("postgres"), database.name());
    let (before, after) = (on(pair.primary()), on(pair.standby()));
    let (way, address) = Proxy::to(&before, stage.dice.clone()).await?;
    let mut world = World::in_database(&before, Redis::shared().await.url(), stage.dice.clone()).await?;
    world.worker_database_url = Some(address.clone());
    world.control_database_url = Some(address);
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    caught_up(pair.primary(), pair.standby()).await?;

    way.set(Traffic::Stalls);
    let struck = Instant::now();
    pair.part().await;
    pair.promote().await;
    tokio::time::sleep(GONE_FOR.saturating_sub(struck.elapsed())).await;
    world.user = PgPool::connect(&after).await?;
    let (outage, back) = (struck.elapsed(), Instant::now());
    way.replace_server(&after)?;
    way.set(Traffic::Flows);
    let steady_after = world.steady().await?.saturating_duration_since(back);
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(1.0 + outage.as_secs_f64() + BACK_WITHIN_S);
    let report = report.moves_at_most(0).steady_after(steady_after).note(world.false_suspicions());
    with_update(&mut world, report).await
}

/// Lets the machine of the pooler lose power; another pooler takes over at its address.
pub async fn pooler(stage: Stage) -> Result<Report> {
    let postgres = Postgres::shared().await;
    let database = postgres.new_database().await;
    let (first, second) = (PgBouncer::in_front_of(postgres).await, PgBouncer::in_front_of(postgres).await);
    let (way, address) = Proxy::to(&first.url(&database), stage.dice.clone()).await?;
    let mut world = World::in_database(database.url(), Redis::shared().await.url(), stage.dice.clone()).await?;
    // Nothing can be installed through a pooler.
    world.install(1000).await?;
    world.worker_database_url = Some(address.clone());
    world.control_database_url = Some(address);
    world.variables.insert("POSTGRES_POOLER".to_owned(), "transaction".to_owned());
    world.play_on(Scene::default()).await?;
    let watch = world.watch().await?;

    way.set(Traffic::Stalls);
    let struck = Instant::now();
    tokio::time::sleep(GONE_FOR).await;
    let (outage, back) = (struck.elapsed(), Instant::now());
    way.replace_server(&second.url(&database))?;
    way.set(Traffic::Flows);
    let steady_after = world.steady().await?.saturating_duration_since(back);
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(1.0 + outage.as_secs_f64() + BACK_WITHIN_S);
    let report = report.moves_at_most(0).steady_after(steady_after).note(world.false_suspicions());
    with_update(&mut world, report).await
}

/// Adds workers and replaces each old one at once: no tick may be missed.
async fn with_update(world: &mut World, report: Report) -> Result<Report> {
    let watch = world.watch().await?;
    for number in 1..=4 {
        world.start_worker(&format!("new-{number}"), &[])?;
    }
    world.steady().await?;
    for number in 1..=3 {
        world.drain_worker(&format!("worker-{number}")).await?;
    }
    world.steady().await?;
    let missed = watch.judge(&world.user).await?.missed_p100;
    Ok(report.at_most("ticks missed by an update afterwards", missed, 0.0))
}
