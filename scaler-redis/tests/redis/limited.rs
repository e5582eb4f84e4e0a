//! A user who may do just what deploy/files/redis.acl says: every rule of a membership holds for it, and nothing else is let through.

use std::collections::BTreeSet;

use redis::cmd;
use scaler_core::{Membership, MembershipError};
use scaler_redis::{RedisConfig, RedisMembership};
use test_servers::Redis;
use tokio::sync::OnceCell;

use crate::help::{Pair, active, command, connect, plain_client};

const RULES: &str = include_str!("../../../deploy/files/redis.acl");
/// The hash that the rules are written for.
const HASH: &str = "workers";

scaler_core::membership_suite!(limited);

async fn limited() -> Pair {
    Pair::of(&user().await).await
}

/// A user and a hash of its own.
async fn user() -> RedisConfig {
    // Not the shared server: on one that is not ours, the user would stay behind.
    static SERVER: OnceCell<Redis> = OnceCell::const_new();
    let server = SERVER.get_or_init(Redis::private).await;
    let hash = Redis::unique_prefix() + HASH;
    let rules = RULES.replace(HASH, &hash);
    let words = ["acl", "setuser", &hash, "on", ">secret"].into_iter().chain(rules.split_whitespace());
    command(&plain_client(server.url()).await, &words.collect::<Vec<_>>()).await;
    let mut config = RedisConfig::new(server.url().replacen("://", &format!("://{hash}:secret@"), 1));
    config.hash = hash;
    config
}

#[tokio::test]
async fn what_the_rules_do_not_name_is_refused() {
    let (mine, other) = (user().await, user().await);
    connect(&mine).await.heartbeat(&active("worker-1")).await.unwrap();
    let mut foreign = mine.clone();
    foreign.hash.clone_from(&other.hash);
    let failure = RedisMembership::connect(foreign).await.unwrap_err();
    assert!(matches!(failure, MembershipError::Denied { .. }) && failure.to_string().contains("NOPERM"), "{failure}");
    let mut plain = plain_client(&mine.url).await;
    for refused in [cmd("GET").arg("key"), cmd("TYPE").arg(&other.hash), cmd("DEL").arg(&mine.hash), &mut cmd("FLUSHALL")] {
        let error = refused.exec_async(&mut plain).await.unwrap_err();
        assert_eq!(error.code(), Some("NOPERM"), "{error}");
    }
}

#[test]
fn the_rules_name_the_commands_that_are_called_and_no_others() {
    let scripts = ["heartbeat", "leave", "members", "retire", "retired", "sweep"]
        .map(|script| std::fs::read_to_string(format!("{}/lua/{script}.lua", env!("CARGO_MANIFEST_DIR"))).unwrap());
    let in_scripts =
        scripts.iter().flat_map(|script| script.split("redis.call('").skip(1)).filter_map(|call| call.split('\'').next());
    let beside_scripts = ["eval", "type", "publish", "subscribe"].map(str::to_owned);
    let called: BTreeSet<String> = in_scripts.map(str::to_lowercase).chain(beside_scripts).collect();
    let named: BTreeSet<String> = RULES.split_whitespace().filter_map(|rule| rule.strip_prefix('+')).map(str::to_owned).collect();
    assert_eq!(called, named);
}
