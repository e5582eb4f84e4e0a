//! Servers that work together do.

#![expect(clippy::unwrap_used, reason = "this file is a test, its helpers too")]

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use test_servers::{PgBouncer, Postgres, PostgresPair, RedisCluster, Sentinel};
use tokio::time::sleep;

#[tokio::test]
async fn a_promoted_standby_has_what_reached_it_and_no_more() {
    let pair = PostgresPair::private().await;
    let database = pair.new_database().await;
    let of_primary = one_of(database.url(), 0);
    run(&of_primary, "create table kept as select 1 as n").await;
    let of_standby = one_of(database.url(), 1);
    while text(&of_standby, "select count(*)::text from pg_tables where tablename = 'kept'").await != Ok("1".to_owned()) {
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(text(&of_standby, "show transaction_read_only").await, Ok("on".to_owned()));

    pair.part().await;
    run(&of_primary, "insert into kept values (2)").await;
    pair.primary().kill().await;
    pair.promote().await;
    assert_eq!(text(&of_standby, "select string_agg(n::text, ' ') from kept").await, Ok("1".to_owned()), "2 is lost");
    run(&of_standby, "insert into kept values (3)").await;
}

#[tokio::test]
async fn a_pooler_gives_a_session_for_a_transaction_only() {
    let postgres = Postgres::private().await;
    let pooler = PgBouncer::in_front_of(&postgres).await;
    let url = pooler.url(&postgres.new_database().await);
    assert_eq!(text(&url, "select 'through'").await, Ok("through".to_owned()));
    let (mut one, mut other) = (connect(&url).await.unwrap(), connect(&url).await.unwrap());
    let pid_of = async |connection: &mut PgConnection| -> i32 {
        sqlx::raw_sql("select pg_backend_pid()").fetch_one(connection).await.unwrap().get(0)
    };
    assert_eq!(pid_of(&mut one).await, pid_of(&mut other).await, "two sessions share a server");
    pooler.stop().await;
    one.execute("select 1").await.unwrap_err();
    pooler.start().await;
    assert_eq!(text(&url, "select 'again'").await, Ok("again".to_owned()));
}

#[tokio::test]
async fn sentinel_replaces_a_primary_that_was_killed() {
    let sentinel = Sentinel::private().await;
    assert!(sentinel.url().starts_with("redis-sentinel://127.0.0.1:"));
    sentinel.fail_over().await;
}

#[tokio::test]
async fn a_cluster_knows_its_slots() {
    let cluster = RedisCluster::private().await;
    assert_eq!(cluster.nodes().len(), 3);
    assert_eq!(cluster.url().matches("127.0.0.1:").count(), 3, "{}", cluster.url());
}

/// The URL of one of the two hosts.
fn one_of(url: &str, n: usize) -> String {
    let (scheme, rest) = url.split_once('@').unwrap();
    let (hosts, rest) = rest.split_once('/').unwrap();
    let database = rest.split('?').next().unwrap();
    format!("{scheme}@{}/{database}", hosts.split(',').nth(n).unwrap())
}

async fn run(url: &str, statement: &'static str) {
    connect(url).await.unwrap().execute(statement).await.unwrap();
}

async fn text(url: &str, query: &'static str) -> Result<String, String> {
    let mut connection = connect(url).await.map_err(|error| error.to_string())?;
    let row = sqlx::raw_sql(AssertSqlSafe(query)).fetch_one(&mut connection).await.map_err(|error| error.to_string())?;
    Ok(row.get(0))
}

/// Without the parameter that the library sends by itself and a pooler does not know.
async fn connect(url: &str) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(&PgConnectOptions::from_str(url)?.extra_float_digits(None)).await
}
