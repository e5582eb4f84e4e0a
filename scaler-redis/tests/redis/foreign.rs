//! Tests that keys of others in the same Redis are not changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::help::{active, connect, plain_client, shared_config, until};
use redis::AsyncCommands;
use scaler_core::{InstallationId, Membership, MembershipError};

#[tokio::test]
async fn people_can_read_the_hash() {
    let config = shared_config().await;
    connect(&config).await.heartbeat(&active("worker-1")).await.unwrap();
    let all: BTreeMap<String, String> = plain_client(&config.url).await.hgetall(&config.hash).await.unwrap();
    let said = concat!(
        r#"{"state":"active","incarnation":"00000000-0000-0000-0000-000000000001","#,
        r#""installation":"00000000-0000-0000-0000-000000000003","tick":1763836000,"slots":1365,"items":4,"#,
        r#""ids":["00000000-0000-0000-0000-000000000002"],"up":0}"#
    );
    assert_eq!(all, BTreeMap::from([("worker-1".to_owned(), said.to_owned())]));
}

#[tokio::test]
async fn foreign_fields_are_passed_over_and_stay() {
    let config = shared_config().await;
    let (membership, mut plain) = (connect(&config).await, plain_client(&config.url).await);
    let foreign = BTreeMap::from([
        ("a worker".to_owned(), b"{}".to_vec()),
        ("deploy".to_owned(), b"1763836000".to_vec()),
        ("bytes".to_owned(), vec![0xff, 0x00]),
    ]);
    let fields: Vec<(String, &[u8])> = foreign.iter().map(|(field, value)| (field.clone(), value.as_slice())).collect();
    plain.hset_multiple::<_, _, _, ()>(&config.hash, &fields).await.unwrap();
    membership.heartbeat(&active("worker-1")).await.unwrap();
    assert_eq!(membership.members().await.unwrap().len(), 1);
    let swept = async || !membership.sweep(Duration::ZERO).await.unwrap().is_empty();
    until("the worker is swept", swept).await;
    let rest: BTreeMap<String, Vec<u8>> = plain.hgetall(&config.hash).await.unwrap();
    assert_eq!(rest, foreign);
}

#[tokio::test]
async fn a_member_without_a_last_seen_entry_is_swept() {
    let config = shared_config().await;
    let (membership, mut plain) = (connect(&config).await, plain_client(&config.url).await);
    membership.heartbeat(&active("worker-1")).await.unwrap();
    plain.del::<_, ()>(format!("{{{}}}:seen", config.hash)).await.unwrap();
    assert_eq!(membership.members().await.unwrap().len(), 1);
    let swept = async || !membership.sweep(Duration::ZERO).await.unwrap().is_empty();
    until("the worker is swept", swept).await;
}

#[tokio::test]
async fn a_key_of_another_type_is_named_and_left() {
    let config = shared_config().await;
    let (membership, mut plain) = (connect(&config).await, plain_client(&config.url).await);
    let member = active("worker-1");
    for key in [config.hash.clone(), format!("{{{}}}:seen", config.hash)] {
        plain.set::<_, _, ()>(&key, "theirs").await.unwrap();
        for failure in
            [membership.heartbeat(&member).await.map(drop).unwrap_err(), membership.members().await.map(drop).unwrap_err()]
        {
            assert!(matches!(failure, MembershipError::Misshapen { .. }), "{failure:?}");
            assert!(failure.to_string().contains(&format!("{key} on redis://")), "{failure}");
            assert!(failure.to_string().contains("is a string where a"), "{failure}");
        }
        assert_eq!(plain.get::<_, String>(&key).await.unwrap(), "theirs");
        plain.del::<_, ()>(&key).await.unwrap();
        assert!(!plain.exists::<_, bool>(&config.hash).await.unwrap(), "nothing was written beside it");
    }
    membership.heartbeat(&member).await.unwrap();
}

#[tokio::test]
async fn a_foreign_key_where_the_retired_stand_is_named_and_left() {
    let config = shared_config().await;
    let (membership, mut plain) = (connect(&config).await, plain_client(&config.url).await);
    let key = format!("{{{}}}:retiring", config.hash);
    plain.set::<_, _, ()>(&key, "theirs").await.unwrap();
    for failure in [
        membership.heartbeat(&active("worker-1")).await.map(drop).unwrap_err(),
        membership.retire(InstallationId::UNKNOWN, &BTreeSet::new()).await.unwrap_err(),
        membership.retired(InstallationId::UNKNOWN).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(failure, MembershipError::Misshapen { .. }), "{failure:?}");
        assert!(failure.to_string().contains(&format!("{key} on redis://")), "{failure}");
    }
    assert_eq!(plain.get::<_, String>(&key).await.unwrap(), "theirs");
    assert!(!plain.exists::<_, bool>(&config.hash).await.unwrap(), "nothing was written beside it");
}
