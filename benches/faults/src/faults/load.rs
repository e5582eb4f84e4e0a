//! High load, and none.

use std::fmt::Display;
use std::time::{Duration, Instant};

use scaler_core::{Ring, Roster, SlotCount, SlotLoad, StickyRing, WorkerId};
use sqlx::{Connection, PgConnection};

use crate::error::{PlayError, Result};
use crate::oracle::now_s;
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::{Scene, World};

const SOON: Duration = Duration::from_secs(60);
const ROWS: i32 = 50_000;
const ADOPTING: u32 = 8;
/// Time after which the chart's alert NotifiScalerOldTransaction fires, in seconds. A transaction of a short run does not last so long.
const ALERT_S: u64 = 60;
const SHORT_ALERT_S: u64 = 15;

/// Inserts 50,000 rows at once, and adds three workers.
pub async fn rows_inserted(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene::default()).await?;
    let watch = world.watch().await?;
    world.some_moment().await;
    let rows = "insert into public.work_items (value) select 0 from generate_series(1, $1)";
    sqlx::query(rows).bind(ROWS).execute(&world.user).await?;
    let (inserted_s, inserted) = (now_s(&world.user).await?, Instant::now());
    for number in 4..=6 {
        world.start_worker(&format!("worker-{number}"), &[])?;
    }
    let steady_after = world.steady().await?.saturating_duration_since(inserted);
    let first = "select percentile_disc(0.99) within group (order by first), max(first) from (
                     select min(extract(epoch from a.at))::float8 - $1 as first from public.audit a
                     where not exists (select from public.audit_before b where b.id = a.id) group by a.id) as firsts";
    let (p99_s, p100_s): (f64, f64) = sqlx::query_as(first).bind(inserted_s).fetch_one(&world.user).await?;
    let report = Report::of(watch.judge(&world.user).await?).at_most("first tick of a row after, p99, s", p99_s, 2.0);
    Ok(report.steady_after(steady_after).note(format!("the last row after {p100_s:.2} s")))
}

/// Lets workers adopt a large table as a user may have left it: rows in random order, pages full. It is rewritten once before they start.
pub async fn adopted_full_table(stage: Stage) -> Result<Report> {
    let mut world = World::shared(stage.dice.clone()).await?;
    let table =
        "create table public.work_items (id uuid primary key default gen_random_uuid(), value integer, currentworker text);
                 insert into public.work_items (value) select 0 from generate_series(1, 600000)";
    sqlx::raw_sql(table).execute(&world.user).await?;
    world.tool(&["migrate"]).await?;
    let heap = "select pg_relation_size('public.work_items')::float8";
    let before: f64 = sqlx::query_scalar(heap).fetch_one(&world.user).await?;
    let rewriting = Instant::now();
    world.tool(&["optimize", "--full"]).await?;
    let rewritten_s = rewriting.elapsed().as_secs_f64();
    world.start_control_plane("control-1", &[])?;
    for number in 1..=ADOPTING {
        world.start_worker(&format!("worker-{number}"), &[])?;
    }
    let begun = Instant::now();
    let mut since = None;
    let late = "select max(now.tick - s.last_tick) from scaler.slot s, scaler.clock() now";
    let ticked_after = eventually(Duration::from_secs(120), "all rows are ticked each second", async || {
        let late: Option<i64> = sqlx::query_scalar(late).fetch_one(&world.user).await?;
        if late.is_none_or(|late| late > 1) {
            since = None;
            return Ok(Err(late));
        }
        let began = *since.get_or_insert_with(Instant::now);
        Ok(if began.elapsed() > Duration::from_secs(3) { Ok(began.saturating_duration_since(begun)) } else { Err(late) })
    })
    .await?;
    let missed = missed_by_slots(&world, stage.lasting(60, 10)).await?;
    let after: f64 = sqlx::query_scalar(heap).fetch_one(&world.user).await?;
    let report = Report::default().at_most("all ticked each second after, s", ticked_after.as_secs_f64(), 30.0);
    let report = report.at_most("ticks missed afterwards", missed, 0.0).at_most("times its size", after / before, 5.0);
    Ok(report.steady_after(ticked_after).note(format!("rewritten in {rewritten_s:.1} s")))
}

/// Returns the maximum number of ticks that a slot misses in this time.
async fn missed_by_slots(world: &World, time: Duration) -> Result<i64> {
    let count = "drop table if exists counted; create table counted as select slot, ticks, last_tick from scaler.slot";
    sqlx::raw_sql(count).execute(&world.user).await?;
    tokio::time::sleep(time).await;
    let missed = "select coalesce(max((s.last_tick - c.last_tick) - (s.ticks - c.ticks)), 0) from scaler.slot s join counted c using (slot)";
    Ok(sqlx::query_scalar(missed).fetch_one(&world.user).await?)
}

/// Removes all rows, then all workers; then adds one row, and as many workers as the control plane wants.
pub async fn from_zero(stage: Stage) -> Result<Report> {
    let mut world = World::shared(stage.dice.clone()).await?;
    for (variable, value) in [
        ("AUTOSCALE", "export"),
        ("AUTOSCALE_MIN", "0"),
        ("AUTOSCALE_UP_INTERVAL", "1s"),
        ("AUTOSCALE_DOWN_WINDOW", "1s"),
        ("AUTOSCALE_DOWN_INTERVAL", "1s"),
    ] {
        world.variables.insert(variable.to_owned(), value.to_owned());
    }
    world.play(Scene::default()).await?;
    let watch = world.watch().await?;
    sqlx::query("delete from public.work_items").execute(&world.user).await?;
    until_wanted(&world, "none", |wanted| wanted < 1.0).await?;
    for name in world.workers.keys().cloned().collect::<Vec<_>>() {
        world.drain_worker(&name).await?;
    }
    let inserted = Instant::now();
    let row = "insert into public.work_items (value) values (0) returning extract(epoch from clock_timestamp())::float8";
    let inserted_s: f64 = sqlx::query_scalar(row).fetch_one(&world.user).await?;
    until_wanted(&world, "one", |wanted| wanted >= 1.0).await?;
    let wanted_s = inserted.elapsed().as_secs_f64();
    world.start_worker("worker-4", &[])?;
    let first = eventually(SOON, "its first tick", async || {
        let first = "select min(extract(epoch from at))::float8 from public.audit where at > to_timestamp($1)";
        let first: Option<f64> = sqlx::query_scalar(first).bind(inserted_s).fetch_one(&world.user).await?;
        Ok(first.ok_or("none yet"))
    })
    .await?;
    world.steady().await?;
    let report = Report::of(watch.judge(&world.user).await?).at_most("first tick of the row after, s", first - inserted_s, 5.0);
    Ok(report.note(format!("a worker is wanted after {wanted_s:.2} s")))
}

/// Waits until the control plane wants this many workers.
async fn until_wanted(world: &World, what: &str, enough: fn(f64) -> bool) -> Result<()> {
    let control_plane = world.control_planes.values().next().ok_or_else(|| PlayError::Unfit("no control plane".to_owned()))?;
    eventually(SOON, &format!("{what} is wanted"), async || {
        let wanted = control_plane.metric("notifi_scaler_control_wanted_workers").await?;
        Ok(if enough(wanted) { Ok(()) } else { Err(wanted) })
    })
    .await
}

/// Leaves a transaction idle beside many items, so that no dead row can be removed.
pub async fn idle_transaction(stage: Stage) -> Result<Report> {
    let mut world = stage.world(Scene { items: 10_000, ..Scene::default() }).await?;
    let watch = world.watch().await?;
    let mut user = PgConnection::connect(&world.database_url).await?;
    let mut transaction = user.begin().await?;
    sqlx::raw_sql("set transaction isolation level repeatable read; select count(*) from public.work_items")
        .execute(&mut *transaction)
        .await?;
    tokio::time::sleep(stage.lasting(600, 30)).await;
    let age_s = oldest_transaction_s(&world).await?;
    let alert_s = stage.lasting(ALERT_S, SHORT_ALERT_S).as_secs_f64();
    let mut p99_s = 0.0_f64;
    for worker in world.workers.values() {
        p99_s = p99_s.max(worker.quantile_at_most("notifi_scaler_worker_tick_duration_seconds", 0.99).await?);
    }
    transaction.rollback().await?;
    let back = Instant::now();
    let steady_after = world.steady().await?.saturating_duration_since(back);
    let report = Report::of(watch.judge(&world.user).await?).moves_at_most(0).steady_after(steady_after);
    let report = report.at_most("steady again after, s", steady_after.as_secs_f64(), 10.0);
    let report = report.at_most("alerts that do not fire", i64::from(age_s <= alert_s), 0.0);
    let report = report.note(format!("the control plane tells of a transaction of {age_s:.0} s; the alert is at {alert_s:.0} s"));
    world.workers.clear();
    Ok(report.note(format!("a tick's call took {p99_s:.0} s at most, p99")))
}

/// Returns the control plane's metric of the oldest transaction. It is summed over its members, of which there is at most one.
async fn oldest_transaction_s(world: &World) -> Result<f64> {
    let control_plane = world.control_planes.values().next().ok_or_else(|| PlayError::Unfit("no control plane".to_owned()))?;
    control_plane.metric("notifi_scaler_control_oldest_transaction_seconds").await
}

/// Plans for one worker that joins and one that leaves, in rings far larger than the number of processes that fit on a machine.
pub async fn many_workers(_: Stage) -> Result<Report> {
    let unfit = |error: &dyn Display| PlayError::Unfit(error.to_string());
    let (mut longest, mut beyond, mut notes) = (Duration::ZERO, 0, Vec::new());
    for (workers, slots) in [(500_u32, 4096_u32), (1000, 65_536)] {
        let slots = SlotCount::new(slots).map_err(|error| unfit(&error))?;
        let name = |number: u32| WorkerId::new(format!("worker-{number:04}")).map_err(|error| unfit(&error));
        let names = (0..=workers).map(name).collect::<Result<Vec<_>>>()?;
        let (all, fewer) = (Roster::of(names.clone()), Roster::of(names.into_iter().skip(1)));
        let (load, mut ring) = (SlotLoad::uniform(slots), StickyRing::new(slots));
        let first = ring.plan(&fewer, &load);
        ring.apply(&first).map_err(|error| unfit(&error))?;
        let share = usize::try_from(slots.get() / (workers + 1)).unwrap_or(0);
        for (change, roster) in [("join", &all), ("leave", &fewer)] {
            let begun = Instant::now();
            let plan = ring.plan(roster, &load);
            let took = begun.elapsed();
            ring.apply(&plan).map_err(|error| unfit(&error))?;
            let moved = plan.moves().len();
            (longest, beyond) = (longest.max(took), beyond + moved.saturating_sub(share));
            notes.push(format!("{workers} x {}, a {change}: {moved} slots, {:.1} ms", slots.get(), took.as_secs_f64() * 1000.0));
        }
    }
    let report = Report { notes, ..Report::default() }.at_most("longest plan, s", longest, 0.1);
    Ok(report.at_most("slots moved beyond the least", i64::try_from(beyond).unwrap_or(i64::MAX), 0.0))
}
