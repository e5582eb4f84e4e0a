//! A wrong setting at the start: one clear line, exit code 64, and no change to the user's data.

use std::process::Command;

use test_servers::Redis;

use crate::programs::{Program, Which};
use crate::system::System;

const SECRET: &str = "hunter2";

/// The program refuses to start, in one line that holds all of these, and tells no secret.
async fn refuses(mut program: Program, expected: &[&str]) {
    let code = program.ended().await;
    let said: Vec<_> = program.err.all().into_iter().filter(|line| !line.contains("INFO")).collect();
    assert_eq!(code, 64, "{program:?}");
    assert_eq!(said.len(), 1, "one line: {program:?}");
    assert!(expected.iter().all(|text| said[0].contains(text)), "{expected:?} in {said:?}");
    assert!(!format!("{program:?}").contains(SECRET), "{program:?}");
}

fn start(which: Which, variables: &[(&str, &str)]) -> Program {
    Program::start(which, &[], variables)
}

#[tokio::test]
async fn values_that_cannot_be_read_are_named() {
    for (variable, value, which) in [
        ("POD_NAME", "worker 1", Which::Worker),
        ("PRINT_IDS", "some", Which::Worker),
        ("HEARTBEAT_INTERVAL", "soon", Which::Worker),
        ("SLOTS", "1000", Which::ControlPlane),
        ("SLOTS", "128", Which::ControlPlane),
        ("LISTEN", "8080", Which::ControlPlane),
        ("LOG_FORMAT", "xml", Which::ControlPlane),
        ("LEASE", "5", Which::ControlPlane),
        ("LEASE_MS", "0", Which::ControlPlane),
        ("POSTGRES_PORT", "postgres", Which::ControlPlane),
        ("AUTOSCALE", "maybe", Which::ControlPlane),
        ("AUTOSCALE_ITEMS_PER_WORKER", "0", Which::ControlPlane),
        ("AUTOSCALE_MAX", "0", Which::ControlPlane),
        ("AUTOSCALE_DEPLOYMENT", "My Worker", Which::ControlPlane),
    ] {
        refuses(start(which, &[(variable, value)]), &[variable, value]).await;
    }
}

#[tokio::test]
async fn a_scaler_without_a_target_is_refused() {
    refuses(start(Which::ControlPlane, &[("AUTOSCALE", "builtin")]), &["AUTOSCALE_DEPLOYMENT", "not set"]).await;
    let builtin = ("AUTOSCALE", "builtin");
    let deployment = ("AUTOSCALE_DEPLOYMENT", "worker");
    refuses(start(Which::ControlPlane, &[builtin, deployment, ("KUBECONFIG", "/nowhere")]), &["AUTOSCALE", "Kubernetes"]).await;
    refuses(start(Which::ControlPlane, &[builtin, deployment, ("AUTOSCALE_MIN", "11")]), &["AUTOSCALE_MAX", "10", "11"]).await;
}

#[tokio::test]
async fn a_url_that_is_none_is_named_without_its_secret() {
    for (variable, url) in [
        ("DATABASE_URL", "mysql://me:hunter2@db/work"),
        ("DATABASE_URL", "postgres://me:hunter2@db:port/work"),
        ("REDIS_URL", "http://:hunter2@redis"),
    ] {
        refuses(start(Which::Worker, &[(variable, url)]), &[variable]).await;
    }
}

#[tokio::test]
async fn a_user_or_database_that_postgres_does_not_know_is_named() {
    let system = System::shared().await;
    let nobody = system.database_url.replacen("postgres@", "nobody_here:hunter2@", 1);
    let nowhere = format!("{}_elsewhere", system.database_url);
    for (url, expected) in [(nobody, "nobody_here"), (nowhere, "_elsewhere")] {
        for which in [Which::ControlPlane, Which::Worker] {
            let variables = [("DATABASE_URL", url.as_str()), ("REDIS_URL", &system.redis_url)];
            refuses(start(which, &variables), &[expected]).await;
        }
    }
}

#[tokio::test]
async fn a_wrong_redis_password_ends_the_start_with_an_error() {
    let redis = Redis::private_with_password("right").await;
    let system = System::shared().await;
    let url = redis.url().replacen("right", SECRET, 1);
    let variables = [("DATABASE_URL", system.database_url.as_str()), ("REDIS_URL", &url), ("POD_NAME", "worker-1")];
    for which in [Which::Worker, Which::ControlPlane] {
        refuses(start(which, &variables), &["redis://", "denied"]).await;
    }
}

#[tokio::test]
async fn a_key_of_another_type_is_left_alone() {
    let system = System::shared().await;
    system.install(0).await;
    let redis = |words: &[&str]| {
        let output = Command::new("redis-cli").args(["-u", &system.redis_url]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    redis(&["set", &system.redis_key, "mine"]);
    let worker = system.start(Which::Worker, &[], &[("POD_NAME", "worker-1")]);
    refuses(worker, &[&system.redis_key, "string"]).await;
    assert_eq!(redis(&["get", &system.redis_key]), "mine");
}

#[tokio::test]
async fn a_table_of_another_shape_is_left_alone() {
    let system = System::shared().await;
    system.run("create table public.work_items (id uuid, value bigint, currentworker text); insert into public.work_items values (gen_random_uuid(), 7)").await;
    refuses(system.start(Which::ControlPlane, &[], &[]), &["work_items.value", "bigint", "integer"]).await;
    let (code, said) = system.tool(&["migrate"]).await;
    assert!(code == 64 && said.contains("work_items.value"), "{said}");
    let schemas: i64 =
        sqlx::query_scalar("select count(*) from pg_namespace where nspname = 'scaler'").fetch_one(&system.user).await.unwrap();
    let sum: i64 = sqlx::query_scalar("select sum(value)::bigint from public.work_items").fetch_one(&system.user).await.unwrap();
    assert_eq!((schemas, sum), (0, 7));
}

#[tokio::test]
async fn other_slots_than_installed_are_refused() {
    let system = System::shared().await;
    assert_eq!(system.tool(&["migrate", "--slots", "512"]).await.0, 0);
    let control = system.start(Which::ControlPlane, &[], &[("SLOTS", "1024")]);
    refuses(control, &["512", "1024", "SLOTS"]).await;
}

#[tokio::test]
async fn missing_privileges_are_named() {
    let system = System::shared().await;
    system.install(0).await;
    let role = format!("limited_{}", uuid::Uuid::new_v4().simple());
    let create = format!("create role {role} login; grant usage on schema scaler to {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&system.user).await.unwrap();
    let url = system.database_url.replacen("postgres@", &format!("{role}@"), 1);
    let worker = start(Which::Worker, &[("DATABASE_URL", &url), ("REDIS_URL", &system.redis_url)]);
    refuses(worker, &["select on public.work_items", "not granted"]).await;
    let control = start(Which::ControlPlane, &[("DATABASE_URL", &url), ("REDIS_URL", &system.redis_url)]);
    refuses(control, &["denied"]).await;
    let gone = format!("drop owned by {role}; drop role {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(gone)).execute(&system.user).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let system = System::shared().await;
    refuses(system.start(Which::ControlPlane, &[], &[("LISTEN", &address)]), &[&address]).await;
}

#[tokio::test]
async fn a_script_that_cannot_be_read_is_named() {
    let folder = std::env::temp_dir().join(format!("notifi-scaler-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let script = folder.join("script");
    std::fs::write(&script, "1s items add 5\n2s wokers add 1\n").unwrap();
    let path = script.to_str().unwrap().to_owned();
    refuses(Program::start(Which::Tool, &["demo", "--script", &path], &[]), &[&format!("{path}:2"), "wokers"]).await;
    std::fs::remove_dir_all(&folder).unwrap();
    refuses(Program::start(Which::Tool, &["demo", "--script", &path], &[]), &[&path]).await;
}

#[tokio::test]
async fn the_tool_says_which_server_is_away() {
    let away = [("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/work"), ("REDIS_URL", "redis://:hunter2@127.0.0.1:1")];
    let mut tool = Program::start(Which::Tool, &["items", "list", "--wait", "0"], &away);
    assert_eq!(tool.ended().await, 69, "{tool:?}");
    assert!(tool.err.contain("127.0.0.1:1/work") && !format!("{tool:?}").contains(SECRET), "{tool:?}");
}
