//! `notifi-scaler plan` and `notifi-scaler apply`: what a change would move, and making it.

mod change;
mod id;
mod text;

use clap::Args;
use notifi_scaler_common::Failure;
use notifi_scaler_common::overview::Overview;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use scaler_core::control::{Change, ControlConfig, Preview};
use scaler_core::{RingKind, Wish};
use serde_json::json;

use super::servers::{Servers, ServersArgs};
use super::wishes::{self, Action};
use crate::output::OutputArgs;
use change::{Asked, WeightOf};
use id::PlanId;

/// Arguments of `notifi-scaler plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// Let N workers join
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), conflicts_with = "scale")]
    pub join: Option<u32>,
    /// Drain this worker; may be repeated
    #[arg(long, value_name = "POD")]
    pub leave: Vec<scaler_core::WorkerId>,
    /// Give this worker another weight, such as worker-1=2; may be repeated
    #[arg(long, value_name = "POD=N")]
    pub weight: Vec<WeightOf>,
    /// Let workers join, or drain those with the fewest items, until N are left
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub scale: Option<u32>,
    /// Print each move
    #[arg(long)]
    pub slots: bool,
    /// Ring of the control planes: `sticky`, `hash-ring` or `rendezvous`
    #[arg(long, env, default_value_t)]
    pub ring: RingKind,
    /// Format of the output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Servers.
    #[command(flatten)]
    pub servers: ServersArgs,
}

/// Arguments of `notifi-scaler apply`.
#[derive(Clone, Debug, Args)]
pub struct ApplyArgs {
    /// Id that `notifi-scaler plan` printed: the change, and a digest of what it was planned from
    pub id: PlanId,
    /// Reason, which is shown to other operators, and other options of a command that steers.
    #[command(flatten)]
    pub wish: wishes::WishArgs,
}

pub(super) async fn plan(args: &PlanArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let asked = Asked { join: args.join, leave: args.leave.clone(), weights: args.weight.clone(), scale: args.scale };
    let servers = Servers::open(&args.servers).await?;
    let overview = servers.overview().await?;
    let change = asked.change(&overview)?;
    let planned = Planned::of(&overview, change, args.ring);
    args.output.finish(lines, || text::text(&planned, &overview, args.slots), || text::document(&planned, &overview, args.slots));
    Ok(())
}

pub(super) async fn apply(args: &ApplyArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let change = args.id.change()?;
    if !change.join.is_empty() {
        return Err(Failure::Arguments(format!(
            "plan {} needs {} more workers, and starting workers is up to the deployment: run `kubectl scale deployment NAME \
             --replicas N`, or let the autoscaler do it; they take their share as they join",
            args.id,
            change.join.len()
        )));
    }
    wishes::may_ask(args.wish.yes)?;
    let servers = Servers::open(&args.wish.servers).await?;
    let overview = servers.overview().await?;
    let planned = Planned::of(&overview, change, args.wish.ring);
    args.id.check(&planned.id)?;
    wishes::ask(args.wish.yes, &text::text(&planned, &overview, false))?;
    let actions = actions(&planned.change);
    for action in &actions {
        action.carry_out(wishes::wishes(&servers.store)?, &args.wish.operator(), &args.wish.note).await?;
    }
    args.wish.output.finish(
        lines,
        || text::applied(&planned),
        || json!({"applied": planned.id.to_string(), "wishes": actions.len()}),
    );
    if args.wish.until_done { wishes::wait_for_all(&servers, &actions, &args.wish).await } else { Ok(()) }
}

/// Returns the wishes that bring the change about.
fn actions(change: &Change) -> Vec<Action> {
    let drains = change.leave.iter().map(|worker| Wish::Drain(worker.clone()));
    let weights = change.weights.iter().map(|(worker, weight)| Wish::Weigh(worker.clone(), *weight));
    drains.chain(weights).map(Action::Make).collect()
}

/// A change, and what it would move.
#[derive(Debug)]
struct Planned {
    change: Change,
    preview: Preview,
    id: PlanId,
}

impl Planned {
    fn of(overview: &Overview, change: Change, ring: RingKind) -> Self {
        let config = ControlConfig { ring: ring.into(), ..ControlConfig::default() };
        let preview = overview.preview(&config, &change);
        let id = PlanId::of(overview, &preview.before, &change);
        Self { change, preview, id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{World, worker};

    fn leave(name: &str) -> Change {
        Change { leave: [worker(name)].into(), ..Change::default() }
    }

    fn planned(overview: &Overview, change: Change) -> Planned {
        Planned::of(overview, change, RingKind::Sticky)
    }

    /// Checks an id against the system as it is now.
    async fn check(world: &World, id: &PlanId) -> Result<(), Failure> {
        id.check(&planned(&world.overview().await, id.change()?).id)
    }

    #[tokio::test]
    async fn a_plan_is_applied_only_to_what_it_was_made_from() {
        let mut world = World::of(&[("worker-1", 4), ("worker-2", 4)]).await;
        let id: PlanId = planned(&world.overview().await, leave("worker-2")).id.to_string().parse().unwrap();
        assert!(check(&world, &id).await.is_ok());

        world.give(0, "worker-1").await;
        let stale = check(&world, &id).await.unwrap_err();
        assert_eq!(stale.code(), 64);
        assert!(
            stale.to_string().starts_with("the plan is stale: slots have changed their owners since; make a new one by"),
            "{stale}"
        );

        let id = planned(&world.overview().await, leave("worker-2")).id;
        world.hear("worker-3").await;
        let stale = check(&world, &id).await.unwrap_err().to_string();
        assert!(stale.contains("the workers, or what operators asked of them, have changed since"), "{stale}");

        let id = planned(&world.overview().await, leave("worker-2")).id;
        world.wish(&Wish::Pause).await;
        assert!(check(&world, &id).await.unwrap_err().to_string().contains("what operators asked"));

        let id = planned(&world.overview().await, leave("worker-2")).id;
        world.add_items(100);
        let stale = check(&world, &id).await.unwrap_err().to_string();
        assert!(stale.contains("the number of items has changed a lot since"), "{stale}");
        assert!(stale.ends_with("notifi-scaler plan --leave worker-2"), "{stale}");
    }

    #[tokio::test]
    async fn a_drain_and_a_weight_become_wishes() {
        let world = World::of(&[("worker-1", 4), ("worker-2", 2), ("worker-3", 2)]).await;
        let change = Change { weights: [(worker("worker-1"), scaler_core::Weight::new(2).unwrap())].into(), ..leave("worker-2") };
        for action in actions(&change) {
            action.carry_out(&*world.store, "alice", "").await.unwrap();
        }
        let steering = world.overview().await.steering();
        assert_eq!((steering.drained, steering.weights), (change.leave, change.weights));
    }
}
