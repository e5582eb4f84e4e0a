//! Servers come, stop, start again and go.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "this file is a test, its helpers too")]

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection, Row};
use test_servers::{Postgres, Redis};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};
use url::Url;

#[tokio::test]
async fn a_private_postgres_keeps_its_data_over_a_restart() {
    let postgres = Postgres::private().await;
    let mut before = PgConnection::connect(postgres.url()).await.unwrap();
    before.execute("create table kept as select 7 as seven").await.unwrap();
    postgres.stop().await;
    before.execute("select 1").await.expect_err("a stopped server cuts its sessions");
    assert!(!listens(postgres.url()));
    postgres.start().await;
    let mut after = PgConnection::connect(postgres.url()).await.unwrap();
    let row = after.fetch_one("select seven from kept").await.unwrap();
    assert_eq!(row.get::<i32, _>(0), 7);
    assert_goes(postgres.url().to_owned(), postgres).await;
}

#[tokio::test]
async fn a_private_redis_forgets_over_a_restart() {
    let redis = Redis::private().await;
    assert_eq!(ask(redis.url(), "set key value").await, "+OK");
    redis.stop().await;
    assert!(!listens(redis.url()));
    redis.start().await;
    assert_eq!(ask(redis.url(), "get key").await, "$-1");
    assert_goes(redis.url().to_owned(), redis).await;
}

#[tokio::test]
async fn a_redis_with_a_password_wants_it() {
    let redis = Redis::private_with_password("secret").await;
    assert!(redis.url().starts_with("redis://:secret@"), "{}", redis.url());
    assert!(ask(redis.url(), "ping").await.starts_with("-NOAUTH"));
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() {
    let (one, other) = tokio::join!(Postgres::database(), Postgres::database());
    for database in [&one, &other] {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        connection.execute("create table same_name (id integer)").await.unwrap();
        let row = connection.fetch_one("select current_database()").await.unwrap();
        assert_eq!(row.get::<String, _>(0), database.name());
    }
}

#[tokio::test]
async fn shared_servers_are_made_once_and_outlive_a_test() {
    let url = Postgres::shared().await.url().to_owned();
    let other_runtime = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { (Postgres::shared().await.url(), Redis::shared().await.url()) })
    });
    let (postgres, redis) = other_runtime.join().unwrap();
    assert_eq!(postgres, url);
    assert_eq!(ask(redis, "ping").await, "+PONG");
}

#[tokio::test]
async fn with_servers_passes_the_exit_code_on() {
    let mut command = with_servers("test -n \"$TEST_DATABASE_URL\" && test -n \"$TEST_REDIS_URL\" && exit 7", Path::new("/tmp"));
    assert_eq!(command.status().await.unwrap().code(), Some(7));
}

#[tokio::test]
async fn nothing_stays_behind_when_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = with_servers("echo $TEST_DATABASE_URL $TEST_REDIS_URL; read forever", folder.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let urls = lines.next_line().await.unwrap().unwrap();
    let urls: Vec<&str> = urls.split_whitespace().collect();
    assert_eq!(urls.iter().filter(|url| listens(url)).count(), 2, "{urls:?}");
    // One of them is paused: it must not stay behind, either.
    let keeps_redis = |name: &str| name.starts_with("test-redis-");
    let redis =
        folder.path().read_dir().unwrap().map(Result::unwrap).find(|entry| entry.file_name().to_str().is_some_and(keeps_redis));
    let pid = std::fs::read_to_string(redis.unwrap().path().join("pid")).unwrap();
    assert!(Command::new("kill").args(["-s", "STOP", pid.trim()]).status().await.unwrap().success());
    child.kill().await.unwrap();
    for url in urls {
        until(|| !listens(url)).await;
    }
    until(|| folder.path().read_dir().unwrap().next().is_none()).await;
}

/// Runs a script with servers of its own, whatever this test was given.
fn with_servers(script: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-servers"));
    command.args(["--", "sh", "-c", script]).env("TMPDIR", folder);
    command.env_remove("TEST_DATABASE_URL").env_remove("TEST_REDIS_URL");
    command
}

async fn assert_goes<T>(url: String, server: T) {
    assert!(listens(&url));
    drop(server);
    until(|| !listens(&url)).await;
}

async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), holds).await.expect("it should have come true");
}

fn listens(url: &str) -> bool {
    TcpStream::connect(address(url)).is_ok()
}

/// The first line of Redis's answer.
async fn ask(url: &str, command: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address(url)).await.unwrap();
    stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 512];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).lines().next().unwrap().to_owned()
}

fn address(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}
