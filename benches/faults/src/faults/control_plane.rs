//! Control planes that die, are paused, or lose Redis.

use std::time::{Duration, Instant};

use crate::error::{PlayError, Result};
use crate::oracle::now_s;
use crate::programs::Signal;
use crate::proxy::Traffic;
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::{Scene, World};

const TWO: Scene = Scene { items: 1000, workers: 3, control_planes: 2 };
const SOON: Duration = Duration::from_secs(30);

/// Kills the idle leader.
pub async fn kill_leader(stage: Stage) -> Result<Report> {
    let mut world = stage.world(TWO).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let (struck_s, struck) = (now_s(&world.user).await?, Instant::now());
    kill_the_leader(&mut world).await?;
    let next_s = next_term_after_s(&world, struck_s).await?;
    world.start_worker("worker-4", &[])?;
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    let minimum = world.slots_of("worker-4").await?;
    let report = Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(minimum);
    let report = report.at_most("next leader after, s", next_s, 6.0).steady_after(steady_after);
    Ok(report.note("then a worker joins"))
}

/// Kills the leader and a worker together.
pub async fn kill_leader_and_worker(stage: Stage) -> Result<Report> {
    let mut world = stage.world(TWO).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let victim = world.any_worker()?;
    let minimum = world.slots_of(&victim).await?;
    let struck = Instant::now();
    kill_the_leader(&mut world).await?;
    world.kill_worker(&victim).await?;
    let steady_after = world.steady().await?.saturating_duration_since(struck);
    Ok(Report::of(watch.judge(&world.user).await?).gap_at_most(11.0).moves_at_most(minimum).steady_after(steady_after))
}

/// Pauses the leader while its moves are on their way to Postgres. They arrive when another control plane leads.
pub async fn pause_leader(stage: Stage) -> Result<Report> {
    let mut world = World::shared(stage.dice.clone()).await?;
    world.install(1000).await?;
    let ways = world.start_control_plane_by_ways("control-1").await?;
    world.leader().await?;
    world.play_on(Scene { control_planes: 0, ..TWO }).await?;
    world.start_control_plane("control-2", &[])?;
    let watch = world.watch().await?;
    ways.postgres.set(Traffic::StallsAt(b"worker-late".to_vec()));
    world.start_worker("worker-late", &[])?;
    eventually(SOON, "moves are on their way", async || Ok(if ways.postgres.stalls() { Ok(()) } else { Err("none yet") }))
        .await?;
    let struck_s = now_s(&world.user).await?;
    let leader = world.control_planes.get("control-1").ok_or_else(|| PlayError::Unfit("control-1 does not run".to_owned()))?;
    leader.signal(Signal::Stop).await?;
    let next_s = next_term_after_s(&world, struck_s).await?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let wakes = Instant::now();
    ways.postgres.set(Traffic::Flows);
    leader.signal(Signal::Cont).await?;
    eventually(SOON, "the former leader learns it", async || {
        let learns = leader.err.find("no longer the leader");
        Ok(learns.map(drop).ok_or_else(|| format!("{:?}", leader.err)))
    })
    .await?;
    let steady_after = world.steady().await?.saturating_duration_since(wakes);
    let minimum = world.slots_of("worker-late").await?;
    let report = Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(minimum);
    Ok(report.at_most("next leader after, s", next_s, 6.0).steady_after(steady_after))
}

/// Kills all control planes, and then a worker. The workers must claim its slots themselves.
pub async fn none(stage: Stage) -> Result<Report> {
    let mut world = stage.world(TWO).await?;
    let watch = world.watch().await?;
    let begun = Instant::now();
    for (_, control_plane) in std::mem::take(&mut world.control_planes) {
        control_plane.kill().await?;
    }
    world.some_moment().await;
    let victim = world.any_worker()?;
    let minimum = world.slots_of(&victim).await?;
    world.kill_worker(&victim).await?;
    tokio::time::sleep(stage.lasting(300, 30).saturating_sub(begun.elapsed())).await;
    let claimed = watch.moved(&world.user).await?;
    let back = Instant::now();
    world.start_control_plane("control-3", &[])?;
    let steady_after = world.steady_and_fair().await?.saturating_duration_since(back);
    let findings = watch.judge(&world.user).await?;
    let settled = findings.moved - claimed;
    let report = Report::of(findings).gap_at_most(21.0).at_most("slots claimed beyond the victim's", claimed - minimum, 0.0);
    Ok(report.at_most("slots moved to settle", settled, 4096.0 / 10.0).steady_after(steady_after))
}

/// Cuts the leader, and no other program, off from Redis.
pub async fn cut_from_redis(stage: Stage) -> Result<Report> {
    let mut world = World::shared(stage.dice.clone()).await?;
    world.install(1000).await?;
    let ways = world.start_control_plane_by_ways("control-1").await?;
    world.leader().await?;
    world.play_on(Scene { control_planes: 0, ..TWO }).await?;
    world.start_control_plane("control-2", &[])?;
    let watch = world.watch().await?;
    ways.redis.set(Traffic::Stalls);
    tokio::time::sleep(stage.lasting(60, 20)).await;
    let back = Instant::now();
    ways.redis.set(Traffic::Flows);
    let steady_after = world.steady().await?.saturating_duration_since(back);
    Ok(Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(0).steady_after(steady_after))
}

/// Lets the leader's sessions with Postgres hang. Its lease lasts, since the server still has it.
pub async fn statements_hang(stage: Stage) -> Result<Report> {
    let mut world = World::shared(stage.dice.clone()).await?;
    world.install(1000).await?;
    let ways = world.start_control_plane_by_ways("control-1").await?;
    world.leader().await?;
    world.play_on(Scene { control_planes: 0, ..TWO }).await?;
    world.start_control_plane("control-2", &[])?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let struck_s = now_s(&world.user).await?;
    ways.postgres.set(Traffic::Stalls);
    let next_s = next_term_after_s(&world, struck_s).await?;
    let begun = Instant::now();
    world.start_worker("worker-4", &[])?;
    let steady_after = world.steady().await?.saturating_duration_since(begun);
    let minimum = world.slots_of("worker-4").await?;
    let report = Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(minimum);
    Ok(report.at_most("next leader after, s", next_s, 15.0).steady_after(steady_after).note("then a worker joins"))
}

/// Cuts the leader alone off from Redis. Meanwhile, one worker joins and two others leave.
pub async fn deaf(stage: Stage) -> Result<Report> {
    let mut world = World::shared(stage.dice.clone()).await?;
    world.install(1000).await?;
    let ways = world.start_control_plane_by_ways("control-1").await?;
    world.leader().await?;
    world.play_on(Scene { control_planes: 0, ..TWO }).await?;
    world.start_control_plane("control-2", &[])?;
    let watch = world.watch().await?;
    ways.redis.set(Traffic::Stalls);
    world.some_moment().await;
    let joined = Instant::now();
    world.start_worker("worker-late", &[])?;
    eventually(Duration::from_secs(60), "the joiner owns slots", async || {
        let slots = world.slots_of("worker-late").await?;
        Ok(if slots > 0 { Ok(()) } else { Err("none yet") })
    })
    .await?;
    let shares_after_s = joined.elapsed().as_secs_f64();
    for leaver in ["worker-1", "worker-2"] {
        world.drain_worker(leaver).await?;
    }
    let steady_after = world.steady().await?.saturating_duration_since(joined);
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(20.0);
    Ok(report.at_most("the joiner shares after, s", shares_after_s, 30.0).steady_after(steady_after))
}

async fn kill_the_leader(world: &mut World) -> Result<()> {
    let leader = world.leader().await?;
    let program = world.control_planes.remove(&leader).ok_or_else(|| PlayError::Unfit(format!("{leader} does not run")))?;
    program.kill().await
}

/// Returns the time from this moment until there is a new leader, in seconds.
async fn next_term_after_s(world: &World, since_s: f64) -> Result<f64> {
    eventually(SOON, "a new term", async || {
        let next = "select min(extract(epoch from at))::float8 - $1 from public.audit_terms where at > to_timestamp($1)";
        let next: Option<f64> = sqlx::query_scalar(next).bind(since_s).fetch_one(&world.user).await?;
        Ok(next.ok_or("none yet"))
    })
    .await
}
