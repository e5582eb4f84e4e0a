//! Postgres that is unavailable, out of reach, locked, or refuses.

use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use test_servers::{Postgres, Redis};

use crate::error::Result;
use crate::oracle::{now_s, taken_over_after_s};
use crate::proxy::{Proxy, Traffic};
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::{Scene, World};

const SOON: Duration = Duration::from_secs(30);
/// Maximum number of connections that a program may try to open within a second: back-off with jitter prevents a storm.
const CONNECTIONS_OF_A_PROGRAM: f64 = 5.0;
/// Number of programs: three workers and a control plane.
const PROGRAMS: f64 = 4.0;

/// Stops Postgres gracefully and starts it again.
pub async fn restarts(stage: Stage) -> Result<Report> {
    let postgres = Postgres::private().await;
    let (mut world, way) = world_by_one_way(&postgres, &stage).await?;
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    let struck = Instant::now();
    postgres.stop().await;
    tokio::time::sleep(stage.lasting(20, 5)).await;
    postgres.start().await;
    let (outage, back) = (struck.elapsed(), Instant::now());
    let steady_after = world.steady().await?.saturating_duration_since(back);
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(outage.as_secs_f64() + 2.0).moves_at_most(0);
    let report =
        report.at_most("connections within a second", way.most_within_a_second(struck), PROGRAMS * CONNECTIONS_OF_A_PROGRAM);
    Ok(report.steady_after(steady_after).note(format!("outage {:.1} s", outage.as_secs_f64())).note(world.false_suspicions()))
}

/// Terminates every session of the programs, as an administrator would.
pub async fn sessions_terminated(stage: Stage) -> Result<Report> {
    let (mut world, way) = world_by_one_way(Postgres::shared().await, &stage).await?;
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    let struck = Instant::now();
    for _ in 0..stage.rounds(10, 3) {
        world.some_moment().await;
        let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                   where datname = current_database() and application_name like 'scaler%'";
        sqlx::query(end).execute(&world.user).await?;
    }
    let back = Instant::now();
    let steady_after = world.steady().await?.saturating_duration_since(back);
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(2.0).moves_at_most(0);
    let report =
        report.at_most("connections within a second", way.most_within_a_second(struck), PROGRAMS * CONNECTIONS_OF_A_PROGRAM);
    Ok(report.steady_after(steady_after).note(world.false_suspicions()))
}

/// Cuts one worker off from Postgres; the worker reports that through Redis.
pub async fn worker_cut(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene { workers: 2, ..Scene::default() }).await?;
    let ways = world.start_worker_by_ways("worker-3").await?;
    world.steady().await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let there = world.slots_of("worker-3").await?;
    let struck_s = now_s(&world.user).await?;
    ways.postgres.set(Traffic::Stalls);
    world.steady_with(vec!["worker-1".to_owned(), "worker-2".to_owned()]).await?;
    let taken_s = taken_over_after_s(&world.user, "worker-3", struck_s).await?;
    tokio::time::sleep(stage.lasting(20, 5)).await;
    let given = world.slots_of("worker-3").await?;
    let back = Instant::now();
    ways.postgres.set(Traffic::Flows);
    let steady_after = world.steady().await?.saturating_duration_since(back);
    let there_and_back = there + world.slots_of("worker-3").await?;
    let report = Report::of(watch.judge(&world.user).await?).gap_at_most(7.0).moves_at_most(there_and_back);
    let report = report.at_most("owned again after, s", taken_s, 4.0).at_most("slots given while cut off", given, 0.0);
    Ok(report.steady_after(steady_after))
}

/// Locks one item in a user's transaction.
pub async fn item_locked(stage: Stage) -> Result<Report> {
    let world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    let mut user = PgConnection::connect(&world.database_url).await?;
    let mut transaction = user.begin().await?;
    sqlx::query("select id from public.work_items order by id limit 1 for update").execute(&mut *transaction).await?;
    tokio::time::sleep(stage.lasting(30, 8)).await;
    transaction.rollback().await?;
    let back = Instant::now();
    let steady_after = world.steady().await?.saturating_duration_since(back);
    let mut findings = watch.judge(&world.user).await?;
    // The slot ticks on without its locked item: only this value stays behind its ticks.
    for (invariant, count) in &mut findings.broken {
        if *invariant == "values_apart_from_their_ticks" {
            *count = (*count - 1).max(0);
        }
    }
    let (missing, others) = (findings.missing_items, findings.missed_by_others);
    Ok(Report::of(findings)
        .at_most("ticks missed by another item", others, 0.0)
        .at_most("items that missed a tick", missing, 1.0)
        .moves_at_most(0)
        .steady_after(steady_after))
}

/// Takes an `ACCESS EXCLUSIVE` lock on the table, as during `ALTER TABLE` or a rewrite.
pub async fn table_locked(stage: Stage) -> Result<Report> {
    let world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    let mut user = PgConnection::connect(&world.database_url).await?;
    let mut transaction = user.begin().await?;
    sqlx::query("lock table public.work_items in access exclusive mode").execute(&mut *transaction).await?;
    let locked = Instant::now();
    tokio::time::sleep(stage.lasting(30, 8)).await;
    transaction.rollback().await?;
    let (outage, back) = (locked.elapsed(), Instant::now());
    let steady_after = world.steady().await?.saturating_duration_since(back);
    let report = Report::of(watch.judge(&world.user).await?).moves_at_most(0).gap_at_most(outage.as_secs_f64() + 2.0);
    Ok(report.steady_after(steady_after).note(world.false_suspicions()))
}

/// Makes Postgres refuse in five ways, one after the other, and repairs each.
pub async fn refuses(stage: Stage) -> Result<Report> {
    let postgres = Postgres::private().await;
    let mut world = World::on(&postgres, Redis::shared().await.url(), stage.dice.clone()).await?;
    as_roles(&mut world).await?;
    world.play_on(Scene::default()).await?;
    let watch = world.watch().await?;
    let before = shape(&world).await?;
    let mut report = Report::default();
    let mut longest = Duration::ZERO;
    // By the code in the log line: messages may change, and depend on the language of the server.
    for (ailment, breaks, code, mends) in [
        ("disk full", include_str!("../sql/disk_full.sql"), "SQLSTATE 53100", "drop trigger disk_full on public.work_items"),
        (
            "read-only",
            "alter system set default_transaction_read_only = on",
            "SQLSTATE 25006",
            "alter system reset default_transaction_read_only",
        ),
        (
            "no privilege",
            "revoke update on public.work_items from fault_worker",
            "SQLSTATE 42501",
            "grant update on public.work_items to fault_worker",
        ),
        (
            "no table",
            "alter table public.work_items rename to elsewhere",
            "SQLSTATE 42P01",
            "alter table public.elsewhere rename to work_items",
        ),
        (
            "another shape",
            "alter table public.work_items rename value to amount",
            "SQLSTATE 42703",
            "alter table public.work_items rename amount to value",
        ),
    ] {
        let before: Vec<_> = world.workers.values().map(|worker| worker.err.count(code)).collect();
        run_as_administrator(&postgres, &world, breaks).await?;
        let told = eventually(SOON, &format!("{ailment}: a worker tells of it"), async || {
            let told = world.workers.values().zip(&before).all(|(worker, before)| worker.err.count(code) > *before);
            Ok(if told { Ok(()) } else { Err(format!("{:?}", world.workers.values().next())) })
        })
        .await;
        tokio::time::sleep(stage.lasting(20, 3)).await;
        run_as_administrator(&postgres, &world, mends).await?;
        told?;
        let back = Instant::now();
        let took = world.steady().await?.saturating_duration_since(back);
        longest = longest.max(took);
        report = report.note(format!("{ailment} {:.1} s", took.as_secs_f64()));
    }
    let altered = i64::from(shape(&world).await? != before);
    let notes = std::mem::take(&mut report.notes);
    let report = Report::of(watch.judge(&world.user).await?).at_most("rows or columns altered", altered, 0.0).moves_at_most(0);
    Ok(Report { notes, ..report }.at_most("ticked again after, s", longest, 3.0).steady_after(longest))
}

/// Runs the programs as roles that have only the privileges that they need.
async fn as_roles(world: &mut World) -> Result<()> {
    sqlx::raw_sql("create role fault_worker login; create role fault_control login").execute(&world.user).await?;
    world.install(1000).await?;
    world.tool(&["migrate", "--worker-role", "fault_worker", "--control-role", "fault_control"]).await?;
    let url = |role: &str| world.database_url.replacen("postgres@", &format!("{role}@"), 1);
    let (worker, control) = (url("fault_worker"), url("fault_control"));
    world.worker_database_url = Some(worker);
    world.control_database_url = Some(control);
    Ok(())
}

/// Returns what no program may alter: the columns of the table of work, and its rows.
async fn shape(world: &World) -> Result<String> {
    let shape = "select (select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
                         from pg_attribute where attrelid = 'public.work_items'::regclass and attnum > 0)
                     || (select count(*) || md5(string_agg(id::text, ' ' order by id)) from public.work_items)";
    Ok(sqlx::query_scalar(shape).fetch_one(&world.user).await?)
}

async fn run_as_administrator(postgres: &Postgres, world: &World, sql: &'static str) -> Result<()> {
    if !sql.starts_with("alter system") {
        sqlx::raw_sql("set default_transaction_read_only = off").execute(&world.user).await?;
        sqlx::raw_sql(sql).execute(&world.user).await?;
        return Ok(());
    }
    let mut administrator = PgConnection::connect(postgres.url()).await?;
    sqlx::raw_sql(sql).execute(&mut administrator).await?;
    sqlx::raw_sql("select pg_reload_conf()").execute(&mut administrator).await?;
    Ok(())
}

/// Returns a world whose programs all reach Postgres through one proxy, which counts their connections.
async fn world_by_one_way(postgres: &Postgres, stage: &Stage) -> Result<(World, Proxy)> {
    let mut world = World::on(postgres, Redis::shared().await.url(), stage.dice.clone()).await?;
    let (way, url) = Proxy::to(&world.database_url, stage.dice.clone()).await?;
    world.worker_database_url = Some(url.clone());
    world.control_database_url = Some(url);
    Ok((world, way))
}
