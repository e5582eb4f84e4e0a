//! Redis over TLS.

use scaler_core::{Membership, MembershipError};
use scaler_redis::{ClientIdentity, RedisConfig, RedisMembership, RedisTls};
use test_servers::{Authority, Identity, Redis};

use crate::help::{active, connect, until};

fn config(redis: &Redis, authority: &Authority, client: &Identity) -> RedisConfig {
    let identity = ClientIdentity { certificate: client.certificate.clone(), key: client.key.clone() };
    let mut config = RedisConfig::new(redis.url());
    config.tls = RedisTls { authorities: Some(authority.file()), identity: Some(identity) };
    config
}

#[tokio::test]
async fn a_renewed_certificate_counts_from_the_next_connection_on() {
    let (authority, past) = (Authority::new(), Authority::new());
    let redis = Redis::private_with_tls(&authority.server("127.0.0.1")).await;
    let client = past.client("worker.example");
    let membership = connect(&config(&redis, &authority, &client)).await;
    let failure = membership.members().await.unwrap_err();
    assert!(matches!(failure, MembershipError::Unavailable { .. }), "{failure}");

    let renewed = authority.client("worker.example");
    std::fs::copy(&renewed.certificate, &client.certificate).unwrap();
    std::fs::copy(&renewed.key, &client.key).unwrap();
    until("it is let in", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;

    // Half replaced: what was read last counts.
    std::fs::write(&client.key, "").unwrap();
    redis.restart().await;
    until("it is let in again", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_refused_by_its_name() {
    let authority = Authority::new();
    let client = authority.client("worker.example");
    let mut config = RedisConfig::new("rediss://127.0.0.1:1");
    for (authorities, certificate, named) in [
        ("/nowhere".into(), &client.certificate, "/nowhere: "),
        (authority.file(), &client.key, "worker.example.key: contains no PEM certificate"),
    ] {
        let identity = ClientIdentity { certificate: certificate.clone(), key: client.key.clone() };
        config.tls = RedisTls { authorities: Some(authorities), identity: Some(identity) };
        let failure = RedisMembership::connect(config.clone()).await.unwrap_err();
        assert!(matches!(failure, MembershipError::Refused { .. }) && failure.to_string().contains(named), "{failure}");
    }
}
