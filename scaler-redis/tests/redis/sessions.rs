//! Whatever ends a connection, or keeps one from being made, is waited out, and the reason is told.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use scaler_core::{Membership, MembershipError, WakeUp};
use scaler_redis::{RedisConfig, RedisMembership};
use test_servers::Redis;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::help::{active, command, connect, patient, plain_client, until};

#[tokio::test]
async fn a_connection_that_an_operator_kills_is_replaced() {
    let redis = Redis::private().await;
    let membership = connect(&RedisConfig::new(redis.url())).await;
    until("it is there", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
    let operator = plain_client(redis.url()).await;
    for kind in ["normal", "pubsub"] {
        let mut wake_ups = membership.wake_ups();
        command(&operator, &["client", "kill", "type", kind, "skipme", "yes"]).await;
        until("heartbeats succeed again", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
        until("a notification is sent", async || membership.wake_up(&WakeUp::Everyone).await.is_ok()).await;
        assert_eq!(timeout(Duration::from_secs(10), wake_ups.next()).await, Ok(Some(WakeUp::Everyone)), "{kind}");
    }
}

#[tokio::test]
async fn a_connection_with_garbage_in_it_is_replaced() {
    let redis = Redis::private().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let garbage = Arc::new(Notify::new());
    let proxy = tokio::spawn(proxy(listener, redis.port(), garbage.clone()));
    let membership = connect(&patient(url)).await;
    membership.heartbeat(&active("worker-1")).await.unwrap();
    let mut wake_ups = membership.wake_ups();
    garbage.notify_one();
    assert_eq!(
        timeout(Duration::from_secs(10), wake_ups.next()).await,
        Ok(Some(WakeUp::Everyone)),
        "a new connection is a nudge"
    );
    until("heartbeats succeed again", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
    proxy.abort();
}

#[tokio::test]
async fn a_redis_that_is_full_is_waited_for() {
    let redis = Redis::private().await;
    let operator = plain_client(redis.url()).await;
    command(&operator, &["config", "set", "maxclients", "1"]).await;
    let membership = connect(&RedisConfig::new(redis.url())).await;
    for at in ["at the start", "later"] {
        until(at, async || match membership.members().await {
            Err(failure @ MembershipError::Unavailable { .. }) => failure.to_string().contains("max number of clients"),
            Err(failure) => panic!("{at}: {failure}"),
            Ok(_) => false,
        })
        .await;
        command(&operator, &["config", "set", "maxclients", "100"]).await;
        until("there is room again", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
        command(&operator, &["config", "set", "maxclients", "1"]).await;
        command(&operator, &["client", "kill", "type", "pubsub"]).await;
    }
}

#[tokio::test]
async fn a_redis_that_has_become_a_replica_is_left_and_taken_again() {
    let redis = Redis::private().await;
    let membership = connect(&RedisConfig::new(redis.url())).await;
    let operator = plain_client(redis.url()).await;
    command(&operator, &["replicaof", "127.0.0.1", "1"]).await;
    let mut wake_ups = membership.wake_ups();
    let failure = membership.heartbeat(&active("worker-1")).await.unwrap_err();
    assert!(matches!(failure, MembershipError::Unavailable { .. }) && failure.to_string().contains("READONLY"), "{failure}");
    assert_eq!(timeout(Duration::from_secs(10), wake_ups.next()).await, Ok(Some(WakeUp::Everyone)), "it connects anew");
    command(&operator, &["replicaof", "no", "one"]).await;
    until("heartbeats succeed again", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
}

#[tokio::test]
async fn a_server_in_protected_mode_is_a_permanent_refusal() {
    let (url, server) = answering("-DENIED Redis is running in protected mode because protected mode is enabled\r\n").await;
    let failure = RedisMembership::connect(patient(url)).await.unwrap_err();
    assert!(matches!(failure, MembershipError::Denied { .. }) && failure.to_string().contains("protected mode"), "{failure}");
    server.abort();
}

#[tokio::test]
async fn servers_that_are_no_redis_are_named_as_such() {
    for (answer, expected) in [
        ("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "does not speak the Redis protocol"),
        ("\u{15}\u{3}\u{1}", "does not speak the Redis protocol"),
        ("", "was lost"),
    ] {
        let (url, server) = answering(answer).await;
        let membership = connect(&RedisConfig::new(url)).await;
        until(expected, async || membership.members().await.unwrap_err().to_string().contains(expected)).await;
        server.abort();
    }
}

#[tokio::test]
async fn the_reason_is_that_of_the_last_attempt() {
    let redis = Redis::private().await;
    let membership = connect(&RedisConfig::new(redis.url())).await;
    let told = async |reason: &str| {
        until(reason, async || membership.members().await.is_err_and(|failure| failure.to_string().contains(reason))).await;
    };
    redis.stop().await;
    told("Connection refused").await;
    let listener = TcpListener::bind(("127.0.0.1", redis.port())).await.unwrap();
    let server = tokio::spawn(answer_all(listener, "HTTP/1.1 400 Bad Request\r\n\r\n"));
    told("does not speak the Redis protocol").await;
    server.abort();
    drop(server.await);
    told("Connection refused").await;
    redis.start().await;
    until("heartbeats succeed again", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
}

/// A server that gives each client this answer to whatever it says first, and closes the connection.
async fn answering(answer: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    (url, tokio::spawn(answer_all(listener, answer)))
}

async fn answer_all(listener: TcpListener, answer: &'static str) {
    while let Ok((mut client, _)) = listener.accept().await {
        drop(client.read(&mut [0; 1024]).await);
        drop(client.write_all(answer.as_bytes()).await);
    }
}

/// Passes everything on, and garbage into one connection when told to.
async fn proxy(listener: TcpListener, to: u16, garbage: Arc<Notify>) {
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let garbage = garbage.clone();
        tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
        tokio::spawn(async move {
            tokio::select! {
                _ = copy(&mut from_server, &mut to_client) => {}
                () = garbage.notified() => to_client.write_all(b"?garbage\r\n").await.unwrap(),
            }
        });
    }
}
