//! Redis that is away, empty, cut off from somebody, or refuses.

use std::time::{Duration, Instant};

use test_servers::{Postgres, Redis};
use tokio::process::Command;

use crate::oracle::Watch;
use crate::proxy::Traffic;
use crate::report::Report;
use crate::stage::Stage;
use crate::trouble::{Result, Trouble};
use crate::wait::eventually;
use crate::world::{Scene, World};

const SOON: Duration = Duration::from_secs(30);
const PASSWORD: &str = "right";

/// Redis is stopped, and comes back empty.
pub async fn down(stage: Stage) -> Result<Report> {
    let redis = Redis::private().await;
    let mut world = World::on(Postgres::shared().await, redis.url(), stage.dice.clone()).await?;
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    redis.stop().await;
    tokio::time::sleep(stage.lasting(300, 15)).await;
    let back = Instant::now();
    redis.start().await;
    unmoved(&world, &watch, back).await
}

/// All that it holds is deleted, again and again.
pub async fn flushed(stage: Stage) -> Result<Report> {
    let redis = Redis::private().await;
    let mut world = World::on(Postgres::shared().await, redis.url(), stage.dice.clone()).await?;
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    for _ in 0..10 {
        ask(redis.url(), &["flushall"]).await?;
        world.some_moment().await;
    }
    unmoved(&world, &watch, Instant::now()).await
}

/// One worker cannot reach it, all others can.
pub async fn worker_cut(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene { workers: 2, ..Scene::default() }).await?;
    let ways = world.start_worker_by_ways("worker-3").await?;
    world.steady().await?;
    let watch = world.watch().await?;
    ways.redis.set(Traffic::Stalls);
    tokio::time::sleep(stage.lasting(60, 15)).await;
    let back = Instant::now();
    ways.redis.set(Traffic::Flows);
    unmoved(&world, &watch, back).await
}

/// The password changes under running programs, one comes with a wrong password, and somebody else's value takes the key.
pub async fn refuses(stage: Stage) -> Result<Report> {
    let redis = Redis::private_with_password(PASSWORD).await;
    let mut world = World::on(Postgres::shared().await, redis.url(), stage.dice.clone()).await?;
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;

    let wrong = redis.url().replace(PASSWORD, "wrong");
    world.start_worker("stranger", &[("REDIS_URL", &wrong)])?;
    world.ended_worker("stranger", 64).await?;

    ask(redis.url(), &["config", "set", "requirepass", "other"]).await?;
    // A session that listens is of another type, by Redis' protocol 3.
    for sessions in ["normal", "pubsub"] {
        ask(&redis.url().replace(PASSWORD, "other"), &["client", "kill", "type", sessions, "skipme", "yes"]).await?;
    }
    until_all_say(&world, "WRONGPASS").await?;
    ask(&redis.url().replace(PASSWORD, "other"), &["config", "set", "requirepass", PASSWORD]).await?;
    until_members(redis.url(), &world.redis_key, 3).await?;

    let key = world.redis_key.clone();
    ask(redis.url(), &["set", &key, "precious"]).await?;
    until_all_say(&world, &format!("the key {key}")).await?;
    let overwritten = i64::from(ask(redis.url(), &["get", &key]).await?.trim() != "precious");
    ask(redis.url(), &["del", &key]).await?;
    until_members(redis.url(), &key, 3).await?;
    let report = unmoved(&world, &watch, Instant::now()).await?;
    Ok(report.at_most("values overwritten", overwritten, 0.0))
}

/// Redis is back: nothing was missed, and nothing has moved.
async fn unmoved(world: &World, watch: &Watch, back: Instant) -> Result<Report> {
    until_members(&world.redis_url, &world.redis_key, world.workers.len()).await?;
    let steady_after = back.elapsed().max(world.steady().await?.saturating_duration_since(back));
    let report = Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(0);
    Ok(report.steady_after(steady_after).note(world.wrong_verdicts()))
}

/// What redis-cli says.
pub async fn ask(url: &str, words: &[&str]) -> Result<String> {
    // The program wants a user's name where there is a password.
    let url = url.replacen("://:", "://default:", 1);
    let output = Command::new("redis-cli").args(["-u", &url, "--no-auth-warning"]).args(words).output().await;
    let output = output.map_err(|_| Trouble::Missing { program: "redis-cli", package: "redis-tools" })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Waits until the hash of the workers names so many.
pub async fn until_members(url: &str, key: &str, count: usize) -> Result<()> {
    eventually(SOON, "the workers register again", async || {
        let said = ask(url, &["hlen", key]).await?;
        Ok(if said.trim() == count.to_string() { Ok(()) } else { Err(said) })
    })
    .await
}

/// Waits until each program has told of this error.
async fn until_all_say(world: &World, text: &str) -> Result<()> {
    eventually(SOON, &format!("all tell of {text}"), async || {
        let programs = || world.workers.values().chain(world.control_planes.values());
        let silent: Vec<_> =
            programs().filter(|program| program.err.find(text).is_none()).map(|program| format!("{:?}", program.err)).collect();
        Ok(if silent.is_empty() { Ok(()) } else { Err(silent) })
    })
    .await
}
