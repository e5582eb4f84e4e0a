//! Roles that write everything that they may write.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, PgPool};
use test_servers::{AttackSurface, Postgres, Redis};

use crate::error::{PlayError, Result};
use crate::report::Report;
use crate::stage::{Scene, Stage};
use crate::world::World;

/// Number of attacks with random values by each role, besides those with each extreme value.
const RANDOM: u64 = 200;
/// Names of the roles, and the options of `migrate` that create them.
const ROLES: [(&str, &[&str]); 4] = [
    ("hostile_hard", &["--worker-role", "hostile_hard", "--hard"]),
    (WITHOUT_EFFECT, &["--looking-role", WITHOUT_EFFECT]),
    ("hostile_soft", &["--worker-role", "hostile_soft"]),
    ("hostile_control", &["--control-role", "hostile_control"]),
];
/// Last of the roles that must have no effect at all.
const WITHOUT_EFFECT: &str = "hostile_look";

/// Lets each role in turn set every column that it may write to extreme values, and call every function with hostile arguments.
pub async fn hostile_roles(stage: Stage) -> Result<Report> {
    // The roles would stay behind on a shared server.
    let postgres = Postgres::private().await;
    let mut world = World::on(&postgres, Redis::shared().await.url(), stage.dice.clone()).await?;
    world.install(1000).await?;
    for (role, options) in ROLES {
        sqlx::raw_sql(AssertSqlSafe(format!("create role {role} login"))).execute(&world.user).await?;
        world.tool(&[&["migrate"], options].concat()).await?;
    }
    world.play_on(Scene::default()).await?;
    let watch = world.watch().await?;
    let mut dice = stage.dice.clone();
    let (mut attacks, mut steady_after) = (0, Duration::ZERO);
    let mut report = Report::default();
    for (role, _) in ROLES {
        attacks += attack(&world, role, dice.roll()).await?;
        let ended = Instant::now();
        steady_after = steady_after.max(world.steady().await?.saturating_duration_since(ended));
        if role == WITHOUT_EFFECT {
            report = Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(0);
        }
    }
    // The soft role may update any item, and the attack does. Here, only increments of the workers count.
    let doubled = "select count(*) from (
                       select from public.audit where worker = any ($1) group by id, tick having count(*) > 1) as doubled";
    let workers: Vec<_> = world.workers.keys().cloned().collect();
    let doubles: i64 = sqlx::query_scalar(doubled).bind(&workers).fetch_one(&world.user).await?;
    let foreign = "select count(*) from public.audit where worker is null or worker <> all ($1)";
    let foreign: i64 = sqlx::query_scalar(foreign).bind(&workers).fetch_one(&world.user).await?;
    let report = report.at_most("doubles of the workers, under all roles", doubles, 0.0);
    let report = report.at_most("steady after each role, s", steady_after.as_secs_f64(), 15.0);
    Ok(report
        .steady_after(steady_after)
        .note(format!("{attacks} statements, which incremented {foreign} items past the workers")))
}

/// Runs all attacks as this role and returns their number.
async fn attack(world: &World, role: &str, seed: u64) -> Result<usize> {
    let url = world.database_url.replacen("postgres@", &format!("{role}@"), 1);
    let session = PgPool::connect(&url).await?;
    let surface = AttackSurface::of(&session, "scaler").await?;
    if surface.is_empty() {
        return Err(PlayError::Unfit(format!("{role} may do nothing")));
    }
    let random = (0..RANDOM).filter_map(|number| surface.random_attack(seed.wrapping_add(number)));
    let attacks: Vec<_> = surface.attacks().into_iter().chain(random).collect();
    for attack in &attacks {
        // Postgres refuses most of them.
        let _ = sqlx::raw_sql(AssertSqlSafe(attack.clone())).execute(&session).await;
    }
    Ok(attacks.len())
}
