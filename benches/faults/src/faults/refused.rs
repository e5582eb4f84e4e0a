//! Rows that Postgres refuses to change.

use std::time::Duration;

use crate::error::Result;
use crate::oracle::now_s;
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::{Scene, World};

/// Maximum time until a row that is accepted again is ticked: the longest wait.
const BACK_WITHIN_S: f64 = 31.0;
const SOON: Duration = Duration::from_secs(60);

/// Makes Postgres refuse one row in a thousand, then one in ten, then all rows of one worker, and finally accept all of them again.
pub async fn poison_rows(stage: Stage) -> Result<Report> {
    let world = stage.world(Scene::default()).await?;
    sqlx::raw_sql(include_str!("../sql/refuse.sql")).execute(&world.user).await?;
    let watch = world.watch().await?;
    // Maximum time until a worker knows the refused rows. A short run shares the machine with other faults.
    let found_within = stage.lasting(2, 4);
    let mut missed = 0;
    for refuse in [
        "insert into refused select id from public.work_items order by id limit 1",
        "insert into refused select id from public.work_items order by id limit 100 on conflict do nothing",
        "insert into refused select w.id from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id)
         where s.owner = 'worker-2' on conflict do nothing",
    ] {
        sqlx::raw_sql(refuse).execute(&world.user).await?;
        tokio::time::sleep(found_within).await;
        missed = missed.max(missed_by_others(&world, stage.lasting(20, 6)).await?);
    }
    let refused: i64 = sqlx::query_scalar("select count(*) from refused").fetch_one(&world.user).await?;
    let lines = world.workers.values().map(|worker| worker.err.count("refuses to change")).max();
    let writing = world.workers.values().map(|worker| worker.err.count("refuses all writes")).sum::<usize>();
    sqlx::raw_sql("create table once_refused as table refused; truncate refused").execute(&world.user).await?;
    let mended_s = now_s(&world.user).await?;
    let back_s = eventually(SOON, "all rows are ticked again", async || {
        // The first increment of each formerly refused row since then; empty if there is none yet.
        let back = "select case when bool_and(first is not null) then max(first) - $1 end from (
                        select (select min(extract(epoch from a.at))::float8 from public.audit a
                                where a.id = r.id and a.at > to_timestamp($1)) as first from once_refused r) as firsts";
        let back: Option<f64> = sqlx::query_scalar(back).bind(mended_s).fetch_one(&world.user).await?;
        Ok(back.ok_or("not yet"))
    })
    .await?;
    world.steady().await?;
    let mut findings = watch.judge(&world.user).await?;
    // The slots of refused rows are ticked, so these rows stay behind.
    for (invariant, count) in &mut findings.broken {
        if *invariant == "values_apart_from_their_ticks" {
            *count = (*count - refused).max(0);
        }
    }
    let report = Report::of(findings).moves_at_most(0).at_most("ticks missed by other rows", missed, 0.0);
    let report = report.at_most("ticked again after, s", back_s, BACK_WITHIN_S);
    // An example is logged at the beginning and after 10 s, and each of the three states may have another one.
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let report = report.at_most("lines about it, of one worker", count(lines.unwrap_or(0)), 6.0);
    let report = report.at_most("workers taken for barred", count(writing), 0.0);
    Ok(report.note(format!("{refused} of 1000 rows refused at last")))
}

/// Returns the maximum number of ticks that a row missed that is not refused, in this time.
async fn missed_by_others(world: &World, time: Duration) -> Result<i64> {
    sqlx::raw_sql(include_str!("../sql/watch_lateness.sql")).execute(&world.user).await?;
    tokio::time::sleep(time).await;
    let missed = "select coalesce(max(greatest(s.last_tick - w.value - watched.late, now.tick - s.last_tick - 1)), 0)
                  from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id) join watched on watched.id = w.id,
                       scaler.clock() now
                  where w.id not in (select id from refused)";
    Ok(sqlx::query_scalar(missed).fetch_one(&world.user).await?)
}
