//! Passwords of any text reach the server whole, and nothing of them is taken for a command.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use redis::Value;
use scaler_core::{ErrorClass, Membership, MembershipError};
use scaler_redis::RedisMembership;
use test_servers::{Redis, RedisCluster, Sentinel};

use crate::help::{active, command, connect, patient, plain_client, until};
use crate::topologies::{sentinel_address, until_notified};

const SECRETS: [&str; 8] = [
    "a space",
    "a 'single' quote",
    "a \"double\" quote",
    "a line feed\nSET injected 1\r\n",
    "a back\\slash\\n",
    "100%41 & ?#/@:+",
    "schlüssel-🔑",
    " ",
];

/// Lets this user in with this password, for everything.
fn user_rules<'a>(name: &'a str, password: &'a str) -> [&'a str; 9] {
    ["acl", "setuser", name, "on", "resetpass", password, "~*", "&*", "+@all"]
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn any_password_of_the_default_user_and_of_an_acl_user_is_let_in() {
    let redis = Redis::private().await;
    let operator = plain_client(redis.url()).await;
    for secret in SECRETS {
        command(&operator, &["config", "set", "requirepass", secret]).await;
        command(&operator, &user_rules("wörk%r", &format!(">{secret}"))).await;
        for user in ["", "wörk%r"] {
            let credentials = format!("://{}:{}@", encoded(user), encoded(secret));
            let membership = connect(&patient(redis.url().replacen("://", &credentials, 1))).await;
            membership.heartbeat(&active("worker-1")).await.unwrap();
            until_notified(&membership, &membership).await;
        }
        let wrong = redis.url().replacen("://", &format!("://:{}@", encoded(&format!("{secret}x"))), 1);
        let failure = RedisMembership::connect(patient(wrong)).await.unwrap_err();
        assert!(matches!(failure, MembershipError::Denied { .. }), "{failure}");
    }
    assert_eq!(command(&operator, &["exists", "injected"]).await, Value::Int(0), "a part of a password was executed");
}

#[tokio::test]
async fn a_password_file_is_read_for_each_connection() {
    let redis = Redis::private().await;
    let operator = plain_client(redis.url()).await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("password");
    let mut config = patient(redis.url().replacen("://", "://worker:not-this@", 1));
    config.password_file = Some(file.clone());
    let failure = RedisMembership::connect(config.clone()).await.unwrap().members().await.unwrap_err();
    assert!(
        failure.to_string().contains("cannot read the password from") && failure.class() == ErrorClass::Transient,
        "{failure}"
    );
    command(&operator, &user_rules("worker", ">first")).await;
    std::fs::write(&file, "first\n").unwrap();
    let membership = connect(&config).await;
    membership.heartbeat(&active("worker-1")).await.unwrap();
    command(&operator, &user_rules("worker", ">second")).await;
    membership.heartbeat(&active("worker-1")).await.expect("an open connection goes on");
    for ending in ["\r\n", ""] {
        std::fs::write(&file, format!("second{ending}")).unwrap();
        command(&operator, &["client", "kill", "user", "worker"]).await;
        until("it is let in", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
    }
}

#[tokio::test]
async fn a_user_without_a_password_is_let_in_where_none_is_wanted() {
    let redis = Redis::private().await;
    command(&plain_client(redis.url()).await, &user_rules("guest", "nopass")).await;
    let membership = connect(&patient(redis.url().replacen("://", "://guest@", 1))).await;
    membership.heartbeat(&active("worker-1")).await.unwrap();
}

#[tokio::test]
async fn any_password_is_let_in_by_sentinels_and_the_primary_that_they_name() {
    let sentinel = Sentinel::private().await;
    let primary = plain_client(sentinel.primary().url()).await;
    let watcher = plain_client(&sentinel_address(&sentinel)).await;
    for secret in SECRETS {
        let rule = format!(">{secret}");
        command(&primary, &user_rules("worker", &rule)).await;
        command(&watcher, &user_rules("asker", &rule)).await;
        let secret = encoded(secret);
        let url = sentinel.url().replacen("://", &format!("://worker:{secret}@"), 1);
        let config = patient(format!("{url}&sentinelUsername=asker&sentinelPassword={secret}"));
        let membership = connect(&config).await;
        until("it is let in", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
        until_notified(&membership, &membership).await;
        let wrong = patient(format!("{url}&sentinelUsername=asker&sentinelPassword=wrong"));
        let failure = RedisMembership::connect(wrong).await.unwrap_err();
        assert!(matches!(failure, MembershipError::Denied { .. }), "{failure}");
    }
}

#[tokio::test]
async fn any_password_is_let_in_by_a_cluster() {
    let cluster = RedisCluster::private().await;
    for secret in SECRETS {
        for node in cluster.nodes() {
            command(&plain_client(node.url()).await, &user_rules("worker", &format!(">{secret}"))).await;
        }
        let url = cluster.url().replacen("://", &format!("://worker:{}@", encoded(secret)), 1);
        let membership = connect(&patient(url)).await;
        until("it is let in", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
        until_notified(&membership, &membership).await;
    }
}
