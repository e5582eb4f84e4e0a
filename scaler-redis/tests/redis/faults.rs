//! Redis goes away, forgets, stalls, and refuses.

use std::time::Duration;

use crate::help::{active, command, connect, plain_client, until};
use futures_util::StreamExt;
use scaler_core::{Membership, MembershipError, Registration, WakeUp};
use scaler_redis::{RedisConfig, RedisMembership};
use test_servers::Redis;
use tokio::time::timeout;

#[tokio::test]
async fn a_stopped_redis_is_reported_at_once_and_used_again_after_its_return() {
    let redis = Redis::private().await;
    let config = RedisConfig::new(redis.url());
    let (membership, other) = (connect(&config).await, connect(&config).await);
    let member = active("worker-1");
    membership.heartbeat(&member).await.unwrap();
    redis.stop().await;
    for _ in 0..10 {
        assert_away_soon(&membership).await;
    }
    redis.start().await;

    until("heartbeats succeed again", async || membership.heartbeat(&member).await.is_ok()).await;
    assert_eq!(membership.members().await.unwrap()[0].member, member);
    let mut wake_ups = other.wake_ups();
    let notified = async || {
        let mut own_wake_ups = membership.wake_ups();
        membership.wake_up(&WakeUp::Everyone).await.unwrap();
        timeout(Duration::from_millis(50), own_wake_ups.next()).await.is_ok()
    };
    until("the sender is notified again", notified).await;
    until("others can be reached again", async || other.members().await.is_ok()).await;
    assert_eq!(timeout(Duration::from_secs(5), wake_ups.next()).await, Ok(Some(WakeUp::Everyone)));
}

#[tokio::test]
async fn a_new_connection_is_a_nudge() {
    let redis = Redis::private().await;
    let membership = connect(&RedisConfig::new(redis.url())).await;
    let mut wake_ups = membership.wake_ups();
    redis.restart().await;
    assert_eq!(timeout(Duration::from_secs(10), wake_ups.next()).await, Ok(Some(WakeUp::Everyone)));
    drop(membership);
    assert_eq!(timeout(Duration::from_secs(10), wake_ups.next()).await, Ok(None), "the stream ends with the membership");
}

#[tokio::test]
async fn a_redis_that_starts_later_is_waited_for() {
    let redis = Redis::private().await;
    redis.stop().await;
    let membership = connect(&RedisConfig::new(redis.url())).await;
    assert_away_soon(&membership).await;
    redis.start().await;

    let joins = async || matches!(membership.heartbeat(&active("worker-1")).await, Ok(Registration::Current));
    until("heartbeats succeed", joins).await;
}

#[tokio::test]
async fn members_register_again_after_redis_lost_its_data() {
    let redis = Redis::private().await;
    let (membership, plain) = (connect(&RedisConfig::new(redis.url())).await, plain_client(redis.url()).await);
    let member = active("worker-1");
    membership.heartbeat(&member).await.unwrap();
    command(&plain, &["flushall"]).await;
    command(&plain, &["script", "flush"]).await;
    assert_eq!(membership.members().await.unwrap(), vec![]);
    assert_eq!(membership.heartbeat(&member).await.unwrap(), Registration::Current);
    assert_eq!(membership.members().await.unwrap()[0].member, member);
}

#[tokio::test]
async fn a_stalled_redis_leaves_calls_unanswered() {
    let redis = Redis::private().await;
    let (membership, plain) = (connect(&RedisConfig::new(redis.url())).await, plain_client(redis.url()).await);
    command(&plain, &["client", "pause", "1500", "all"]).await;
    let failure = membership.heartbeat(&active("worker-1")).await.unwrap_err();
    assert!(matches!(failure, MembershipError::Unanswered { .. }), "{failure:?}");
    until("it answers again", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
}

#[tokio::test]
async fn a_wrong_password_is_reported_at_once_and_not_shown() {
    let redis = Redis::private_with_password("right").await;
    connect(&RedisConfig::new(redis.url())).await.heartbeat(&active("worker-1")).await.unwrap();
    for url in [redis.url().replace("right", "wrong"), redis.url().replace(":right@", "")] {
        let failure = RedisMembership::connect(RedisConfig::new(url)).await.unwrap_err();
        assert!(matches!(failure, MembershipError::Denied { .. }), "{failure:?}");
        assert!(!format!("{failure} {failure:?}").contains("wrong@"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_user_without_the_privilege_is_denied() {
    let redis = Redis::private().await;
    let plain = plain_client(redis.url()).await;
    command(&plain, &["acl", "setuser", "guest", "on", ">secret", "~other*", "&*", "+@all"]).await;
    let url = redis.url().replace("redis://", "redis://guest:secret@");
    let failure = connect(&RedisConfig::new(url)).await.heartbeat(&active("worker-1")).await.unwrap_err();
    assert!(matches!(failure, MembershipError::Denied { .. }), "{failure:?}");
    assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
}

#[tokio::test]
async fn a_url_of_something_else_is_refused_without_its_password() {
    for url in ["http://user:secret@localhost", "redis://:secret@", "secret", "redis://user:secret@host/database"] {
        let failure = RedisMembership::connect(RedisConfig::new(url)).await.unwrap_err();
        assert!(matches!(failure, MembershipError::Refused { .. }), "{url}: {failure:?}");
        assert!(!format!("{failure} {failure:?}").contains("secret"), "{failure:?}");
    }
}

async fn assert_away_soon(membership: &RedisMembership) {
    let answer = timeout(Duration::from_secs(2), membership.members()).await;
    assert!(matches!(answer, Ok(Err(MembershipError::Unavailable { .. }))), "{answer:?}");
}
