//! Workers that join and leave, gracefully or not.

use std::time::{Duration, Instant};

use test_servers::Clock;

use crate::error::{PlayError, Result};
use crate::oracle::now_s;
use crate::programs::Signal;
use crate::report::Report;
use crate::stage::Stage;
use crate::world::{Scene, World};

const SLOTS: i64 = 4096;
const FLAPS_EVERY: Duration = Duration::from_secs(5);

/// Sends SIGTERM to one worker: it hands over its slots and leaves.
pub async fn drain(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let leaver = world.any_worker()?;
    let minimum = world.slots_of(&leaver).await?;
    let struck = Instant::now();
    world.drain_worker(&leaver).await?;
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    Ok(Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(minimum).steady_after(steady_after))
}

/// Adds seven workers to three.
pub async fn scale_up(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let struck = Instant::now();
    for number in 4..=10 {
        world.start_worker(&format!("worker-{number}"), &[])?;
    }
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    let mut minimum = 0;
    for number in 4..=10 {
        minimum += world.slots_of(&format!("worker-{number}")).await?;
    }
    // Evenness is judged by items: 7 of 10 of them must move, in as many slots as hold them.
    let items = "select count(*) from public.work_items w where exists (
                     select from public.audit_moves m where m.slot = scaler.slot_of(w.id) and m.at > to_timestamp($1))";
    let items: i64 = sqlx::query_scalar(items).bind(watch.since_s).fetch_one(&world.user).await?;
    let report = Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(minimum);
    Ok(report.at_most("items moved, of 1000", items, 700.0).steady_after(steady_after))
}

/// Removes seven of ten workers.
pub async fn scale_down(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene { workers: 10, ..Scene::default() }).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let leavers: Vec<_> = (4..=10).map(|number| format!("worker-{number}")).collect();
    let mut minimum = 0;
    for leaver in &leavers {
        minimum += world.slots_of(leaver).await?;
    }
    let struck = Instant::now();
    for leaver in &leavers {
        world.worker(leaver)?.signal(Signal::Term).await?;
    }
    for leaver in &leavers {
        world.ended_worker(leaver, 0).await?;
    }
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    Ok(Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(minimum).steady_after(steady_after))
}

/// Rolls out a new revision: one new worker starts, and when it is ready, one old worker is stopped without waiting for its end.
pub async fn rolling_restart(stage: Stage) -> Result<Report> {
    let mut world = World::shared(stage.dice.clone()).await?;
    world.variables.insert("POD_REVISION".to_owned(), "old".to_owned());
    world.play(Scene { workers: 6, ..Scene::default() }).await?;
    let watch = world.watch().await?;
    let struck = Instant::now();
    for number in 1..=6 {
        let new = format!("new-{number}");
        world.start_worker(&new, &[("POD_REVISION", "new")])?;
        world.ready_worker(&new).await?;
        world.worker(&format!("worker-{number}"))?.signal(Signal::Term).await?;
    }
    for number in 1..=6 {
        world.ended_worker(&format!("worker-{number}"), 0).await?;
    }
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    Ok(Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(SLOTS).steady_after(steady_after))
}

/// Kills a worker and starts it again under its name.
pub async fn restart_in_place(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let victim = world.any_worker()?;
    let struck = Instant::now();
    world.kill_worker(&victim).await?;
    world.start_worker(&victim, &[])?;
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    Ok(Report::of(watch.judge(&world.user).await?).gap_at_most(2.0).moves_at_most(0).steady_after(steady_after))
}

/// Starts a second process under the name of a running worker.
pub async fn same_name_twice(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let name = world.any_worker()?;
    let mut older = world.workers.remove(&name).ok_or_else(|| PlayError::Unfit(format!("{name} does not run")))?;
    let struck = Instant::now();
    world.start_worker(&name, &[])?;
    let code = older.ended().await?;
    let silent = i64::from(code != 1 || older.err.find(&name).is_none());
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    let report = Report::of(watch.judge(&world.user).await?).moves_at_most(0);
    Ok(report.at_most("older processes that do not say so and end", silent, 0.0).steady_after(steady_after))
}

/// Kills a worker and starts it again five seconds later under its name, over and over, every five seconds.
pub async fn flapping(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    let begun_s = now_s(&world.user).await?;
    let begun = Instant::now();
    while begun.elapsed() < stage.lasting(300, 60) {
        world.kill_worker("worker-3").await?;
        tokio::time::sleep(FLAPS_EVERY).await;
        world.start_worker("worker-3", &[])?;
        tokio::time::sleep(FLAPS_EVERY).await;
    }
    let ended = Instant::now();
    let steady_after = world.steady().await?.saturating_duration_since(ended);
    let most = "select coalesce(max(moved), 0) from (
                    select count(*) as moved from public.audit_moves
                    where gave is distinct from took and at > to_timestamp($1)
                    group by floor((extract(epoch from at) - $1) / 60)) as minutes";
    let most: i64 = sqlx::query_scalar(most).bind(begun_s).fetch_one(&world.user).await?;
    // Without flap damping, there would be four times as many: its slots there and back, six times.
    let report = Report::of(watch.judge(&world.user).await?).at_most("slots moved within a minute", most, 4096.0);
    Ok(report.gap_at_most(6.0).steady_after(steady_after))
}

/// Sets one worker's clock an hour ahead of all others, and another one's an hour behind.
pub async fn clocks_apart(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene { workers: 1, ..Scene::default() }).await?;
    let (ahead, behind) = (Clock::right(), Clock::right());
    ahead.set(3600);
    behind.set(-3600);
    for (name, clock) in [("worker-2", &ahead), ("worker-3", &behind)] {
        let variables = clock.variables();
        let variables: Vec<_> = variables.iter().map(|(variable, value)| (*variable, value.as_str())).collect();
        world.start_worker(name, &variables)?;
    }
    world.steady().await?;
    let watch = world.watch().await?;
    tokio::time::sleep(stage.lasting(60, 10)).await;
    world.steady().await?;
    Ok(Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(0))
}
