//! Redis that is unavailable, empty, cut off from a program, or refuses.

use std::time::{Duration, Instant};

use test_servers::{Postgres, Redis, RedisCluster};
use tokio::process::Command;

use crate::error::{PlayError, Result};
use crate::oracle::Watch;
use crate::proxy::{Proxy, Traffic};
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::{Scene, World};

const SOON: Duration = Duration::from_secs(30);
/// Maximum time until the heartbeats of members arrive again.
const HEARD_WITHIN_S: f64 = 5.0;
/// Maximum time until a worker that joins owns its share.
const JOINS_WITHIN_S: f64 = 10.0;
/// Maximum time until a worker that leaves has handed over its slots and ended.
const LEAVES_WITHIN_S: f64 = 5.0;
const PASSWORD: &str = "right";

/// Stops Redis; it comes back empty.
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

/// Stops Redis for long while Postgres keeps the members, too; meanwhile a worker joins, one leaves, and all are replaced.
pub async fn away_with_second(stage: Stage) -> Result<Report> {
    let redis = Redis::private().await;
    let mut world = World::on(Postgres::shared().await, redis.url(), stage.dice.clone()).await?;
    world.variables.insert("MEMBERSHIP".to_owned(), "both".to_owned());
    world.variables.insert("POD_REVISION".to_owned(), "old".to_owned());
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    redis.stop().await;
    let stopped = Instant::now();
    world.some_moment().await;

    let joins = Instant::now();
    world.start_worker("worker-4", &[])?;
    let shares_after = world.steady().await?.saturating_duration_since(joins);
    let leaves = Instant::now();
    world.drain_worker("worker-4").await?;
    let left_after = leaves.elapsed();
    world.replace_workers(1..=3).await?;
    world.steady().await?;
    tokio::time::sleep(stage.lasting(600, 30).saturating_sub(stopped.elapsed())).await;
    redis.start().await;
    until_members(redis.url(), &world.redis_key, world.workers.len()).await?;
    world.steady().await?;
    let report = Report::of(watch.judge(&world.user).await?).none_missed();
    let report = report.at_most("a joiner shares after, s", shares_after.as_secs_f64(), JOINS_WITHIN_S);
    let report = report.at_most("a worker has left after, s", left_after.as_secs_f64(), LEAVES_WITHIN_S);
    Ok(report.note(world.false_suspicions()))
}

/// Deletes all data of Redis, again and again.
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

/// Lets two systems share one Redis, one key and the same names of workers, each with its own database.
pub async fn two_systems(stage: Stage) -> Result<Report> {
    let mut one = World::shared(stage.dice.clone()).await?;
    let mut other = World::shared(stage.dice.clone()).await?;
    other.redis_key = one.redis_key.clone();
    one.play(Scene::default()).await?;
    other.play(Scene::default()).await?;
    let (watch, other_watch) = (one.watch().await?, other.watch().await?);
    tokio::time::sleep(stage.lasting(60, 15)).await;
    for world in [&one, &other] {
        eventually(SOON, "strangers are named", async || {
            let names = world
                .control_planes
                .values()
                .any(|program| program.err.find("share this Redis key and are given no slots: worker-").is_some());
            Ok(if names { Ok(()) } else { Err("not yet") })
        })
        .await?;
        world.steady().await?;
    }
    let others = other_watch.judge(&other.user).await?;
    let report = Report::of(watch.judge(&one.user).await?).none_missed().moves_at_most(0);
    let report = report.at_most("doubles of the other system", others.doubles, 0.0);
    let report = report.at_most("ticks missed by the other system", others.missed_p100, 0.0);
    Ok(report.at_most("slots moved by the other system", others.moved, 0.0))
}

/// Cuts one worker off from Redis, and no other.
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

/// Changes the password under running programs, starts one with a wrong password, and puts another client's value at the key.
pub async fn refuses(stage: Stage) -> Result<Report> {
    let redis = Redis::private_with_password(PASSWORD).await;
    let mut world = World::on(Postgres::shared().await, redis.url(), stage.dice.clone()).await?;
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;

    let wrong = redis.url().replace(PASSWORD, "wrong");
    world.start_worker("stranger", &[("REDIS_URL", &wrong)])?;
    world.ended_worker("stranger", 64).await?;

    ask(redis.url(), &["config", "set", "requirepass", "other"]).await?;
    // A session with a subscription is of another type in RESP3.
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

/// Lets the machine of Redis vanish, and another Redis take its address. At once, a worker joins and a rollout begins.
pub async fn vanishes(stage: Stage) -> Result<Report> {
    let (before, after) = (Redis::private().await, Redis::private().await);
    let (proxy, url) = Proxy::to(before.url(), stage.dice.clone()).await?;
    let mut world = World::on(Postgres::shared().await, &url, stage.dice.clone()).await?;
    world.variables.insert("POD_REVISION".to_owned(), "old".to_owned());
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    proxy.replace_server(after.url())?;
    let replaced = Instant::now();
    // The last of the old workers: it exists until all others have left.
    let heard = tokio::task::spawn_local(until_heard(after.url().to_owned(), world.redis_key.clone(), "worker-3"));
    world.start_worker("worker-4", &[])?;
    world.replace_workers([1, 2, 4, 3]).await?;
    let heard = heard.await.map_err(|error| PlayError::Unfit(error.to_string()))??.saturating_duration_since(replaced);
    let steady_after = world.steady().await?.saturating_duration_since(replaced);
    let report = Report::of(watch.judge(&world.user).await?).none_missed().steady_after(steady_after);
    Ok(report.at_most("members heard again after, s", heard.as_secs_f64(), HEARD_WITHIN_S).note(world.false_suspicions()))
}

/// Moves the slot of the keys to another node of a cluster and back, key by key, slowly.
pub async fn cluster_resharded(stage: Stage) -> Result<Report> {
    let cluster = RedisCluster::private().await;
    let mut world = World::on(Postgres::shared().await, &cluster.url(), stage.dice.clone()).await?;
    world.play(Scene::default()).await?;
    let key = world.redis_key.clone();
    let owner = cluster.owner(&key).await;
    let other = cluster.nodes().iter().find(|node| node.port() != owner.port());
    let other = other.ok_or_else(|| PlayError::Unfit("the cluster has one node only".to_owned()))?;
    let watch = world.watch().await?;
    let mut longest = Duration::ZERO;
    for (from, to) in [(owner, other), (other, owner)] {
        migrate_slot(from, to, &key, stage.lasting(60, 8)).await?;
        let moved = Instant::now();
        for worker in world.workers.keys() {
            let heard = until_heard(to.url().to_owned(), key.clone(), worker).await?;
            longest = longest.max(heard.saturating_duration_since(moved));
        }
    }
    world.steady().await?;
    let report = Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(0).steady_after(longest);
    Ok(report.at_most("members heard again after, s", longest.as_secs_f64(), HEARD_WITHIN_S).note(world.false_suspicions()))
}

/// Moves the slot of this key to another node; its keys move one by one, spread over this time.
async fn migrate_slot(from: &Redis, to: &Redis, key: &str, time: Duration) -> Result<()> {
    let (source, target) = (ask(from.url(), &["cluster", "myid"]).await?, ask(to.url(), &["cluster", "myid"]).await?);
    let slot = ask(from.url(), &["cluster", "keyslot", key]).await?;
    let (source, target, slot) = (source.trim(), target.trim(), slot.trim());
    ask(to.url(), &["cluster", "setslot", slot, "importing", source]).await?;
    ask(from.url(), &["cluster", "setslot", slot, "migrating", target]).await?;
    let keys = ask(from.url(), &["cluster", "getkeysinslot", slot, "100"]).await?;
    let keys: Vec<_> = keys.lines().collect();
    let pause = time / u32::try_from(keys.len() + 1).unwrap_or(1);
    for key in keys {
        tokio::time::sleep(pause).await;
        ask(from.url(), &["migrate", "127.0.0.1", &to.port().to_string(), key, "0", "5000"]).await?;
    }
    tokio::time::sleep(pause).await;
    for node in [to, from] {
        ask(node.url(), &["cluster", "setslot", slot, "node", target]).await?;
    }
    Ok(())
}

/// Waits until this Redis receives a new heartbeat of this worker, and returns the moment of that.
async fn until_heard(url: String, key: String, worker: &str) -> Result<Instant> {
    let seen = format!("{{{key}}}:seen");
    let last_heard = async || Ok::<_, PlayError>(ask(&url, &["zscore", &seen, worker]).await?.trim().to_owned());
    let before = last_heard().await?;
    eventually(SOON, &format!("{worker} is heard"), async || {
        let now = last_heard().await?;
        Ok(if now.parse::<f64>().is_ok() && now != before { Ok(Instant::now()) } else { Err(now) })
    })
    .await
}

/// Checks that, after Redis is back, no tick was missed and no slot has moved.
async fn unmoved(world: &World, watch: &Watch, back: Instant) -> Result<Report> {
    until_members(&world.redis_url, &world.redis_key, world.workers.len()).await?;
    let steady_after = back.elapsed().max(world.steady().await?.saturating_duration_since(back));
    let report = Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(0);
    Ok(report.steady_after(steady_after).note(world.false_suspicions()))
}

/// Returns the output of redis-cli.
pub async fn ask(url: &str, words: &[&str]) -> Result<String> {
    // The program requires a user name if there is a password.
    let url = url.replacen("://:", "://default:", 1);
    let output = Command::new("redis-cli").args(["-u", &url, "--no-auth-warning"]).args(words).output().await;
    let output = output.map_err(|_| PlayError::Missing { program: "redis-cli", package: "redis-tools" })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Waits until the hash of the workers names this many.
pub async fn until_members(url: &str, key: &str, count: usize) -> Result<()> {
    eventually(SOON, "the workers register again", async || {
        let said = ask(url, &["hlen", key]).await?;
        Ok(if said.trim() == count.to_string() { Ok(()) } else { Err(said) })
    })
    .await
}

/// Waits until each program has logged this error.
async fn until_all_say(world: &World, text: &str) -> Result<()> {
    eventually(SOON, &format!("all tell of {text}"), async || {
        let programs = || world.workers.values().chain(world.control_planes.values());
        let silent: Vec<_> =
            programs().filter(|program| program.err.find(text).is_none()).map(|program| format!("{:?}", program.err)).collect();
        Ok(if silent.is_empty() { Ok(()) } else { Err(silent) })
    })
    .await
}
