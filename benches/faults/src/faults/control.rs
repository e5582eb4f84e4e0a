//! Negative control: without the fence, the oracle must find doubles. A run in which it finds none proves nothing.

use std::time::Duration;

use crate::error::Result;
use crate::programs::Signal;
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::{Scene, World};

const SOON: Duration = Duration::from_secs(30);

/// Runs workers whose tick trusts a cached list of its slots instead of the slot's row; pauses one while another takes over.
pub async fn the_fence_is_off(stage: Stage) -> Result<Report> {
    let mut world = World::shared(stage.dice.clone()).await?;
    world.install(1000).await?;
    let role = format!("unfenced_{}", uuid::Uuid::new_v4().simple());
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create role {role} login"))).execute(&world.user).await?;
    world.tool(&["migrate", "--worker-role", &role, "--hard"]).await?;
    world.worker_database_url = Some(world.database_url.replacen("postgres@", &format!("{role}@"), 1));
    world.play_on(Scene::default()).await?;
    // Only now, since a control plane updates its functions when it starts.
    sqlx::raw_sql(include_str!("../sql/unfenced.sql")).execute(&world.user).await?;
    let watch = world.watch().await?;
    let victim = world.any_worker()?;
    eventually(SOON, "it has the list that it will trust", async || {
        let list = "select coalesce(max(cardinality(slots)), 0) from public.unfenced where worker = $1 and tick > 0";
        let list: i32 = sqlx::query_scalar(list).bind(&victim).fetch_one(&world.user).await?;
        Ok(if list > 0 { Ok(()) } else { Err("none yet") })
    })
    .await?;
    world.worker(&victim)?.signal(Signal::Stop).await?;
    tokio::time::sleep(Duration::from_secs(8)).await;
    world.worker(&victim)?.signal(Signal::Cont).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let findings = watch.judge(&world.user).await?;
    let blind = i64::from(findings.doubles == 0);
    let found = format!("{} doubles found among {} increments", findings.doubles, findings.increments);
    Ok(Report::default().at_most("runs in which the oracle was blind", blind, 0.0).note(found))
}
