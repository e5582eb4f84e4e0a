//! Programs that start before their servers do.

use sqlx::{Connection, PgConnection};
use test_servers::{Authority, Postgres, Redis};

use crate::programs::{Program, Which, get};
use crate::system::eventually;

async fn says(program: &Program, text: &str) {
    eventually("it says what it waits for", async || {
        program.err.contain(text).then_some(()).ok_or_else(|| format!("expected {text:?}: {program:?}"))
    })
    .await;
}

#[tokio::test]
async fn one_shot_commands_wait_for_servers_that_come_later() {
    let (postgres, redis) = (Postgres::private().await, Redis::private().await);
    let variables = [("DATABASE_URL", postgres.url()), ("REDIS_URL", redis.url())];
    let start = |words: &[&str]| Program::start(Which::Tool, words, &variables);
    postgres.stop().await;
    let mut migrate = start(&["migrate"]);
    says(&migrate, "waiting for Postgres: ping: the store is unavailable").await;
    postgres.start().await;
    assert_eq!(migrate.ended().await, 0, "{migrate:?}");

    postgres.stop().await;
    let mut commands =
        [start(&["items", "list"]), start(&["optimize"]), start(&["verify", "--window", "1s"]), start(&["status"])];
    redis.stop().await;
    for command in &commands {
        says(command, "waiting for Postgres").await;
    }
    postgres.start().await;
    says(&commands[3], "waiting for Redis").await;
    redis.start().await;
    for command in &mut commands {
        assert_eq!(command.ended().await, 0, "{command:?}");
    }
}

#[tokio::test]
async fn a_postgres_without_a_free_place_is_waited_for() {
    let postgres = Postgres::private_with(&[("max_connections", "2"), ("superuser_reserved_connections", "0")]).await;
    // The connection that checked the server may still be closing.
    let connect = async || PgConnection::connect(postgres.url()).await;
    let one = eventually("one place", connect).await;
    let other = eventually("the other place", connect).await;
    let mut tool = Program::start(Which::Tool, &["migrate"], &[("DATABASE_URL", postgres.url())]);
    says(&tool, "too many clients already").await;
    one.close().await.unwrap();
    other.close().await.unwrap();
    assert_eq!(tool.ended().await, 0, "{tool:?}");
}

#[tokio::test]
async fn a_refusal_ends_a_command_at_once() {
    let url = Postgres::shared().await.url();
    let nowhere = format!("{}/no_such_database", url.rsplit_once('/').unwrap().0);
    let mut tool = Program::start(Which::Tool, &["items", "list"], &[("DATABASE_URL", &nowhere)]);
    assert_eq!(tool.ended().await, 64, "{tool:?}");
    assert!(tool.err.contain("no_such_database") && !tool.err.contain("waiting for"), "{tool:?}");
}

#[tokio::test]
async fn a_new_reason_to_wait_is_logged_and_shown_by_ready() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let postgres = Postgres::private_with_tls(&ours.server("127.0.0.1")).await;
    postgres.stop().await;
    let root = theirs.file();
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", postgres.url(), root.display());
    let redis = Redis::shared().await.url();
    let worker = Program::start(
        Which::Worker,
        &[],
        &[("DATABASE_URL", &url), ("REDIS_URL", redis), ("POD_NAME", "worker-1"), ("LISTEN", "127.0.0.1:0")],
    );
    says(&worker, "refused").await;
    let ready = async || get(&worker.address().await, "/ready");
    assert!(ready().await.contains("no tick yet: probe: the store is unavailable"), "{worker:?}");
    postgres.start().await;
    says(&worker, "invalid peer certificate").await;
    eventually("/ready tells the reason", async || match ready().await {
        told if told.contains("invalid peer certificate") => Ok(()),
        told => Err(told),
    })
    .await;
    let refusals = worker.err.all().iter().filter(|line| line.contains("refused")).count();
    assert!(refusals <= 2, "the same reason is not repeated: {worker:?}");
}
