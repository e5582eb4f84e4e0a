//! `notifi-scaler workers`: lists the workers, with what each carries and what operators asked of it.

use clap::Args;
use notifi_scaler_common::Failure;
use notifi_scaler_common::overview::{Overview, WorkerState};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use scaler_core::control::Steering;
use scaler_core::{Weight, WorkerId};
use serde_json::{Value, json};

use super::servers::{Servers, ServersArgs};
use crate::output::OutputArgs;
use crate::table::{Align, Table};

/// Arguments of `notifi-scaler workers`.
#[derive(Clone, Debug, Args)]
pub struct WorkersArgs {
    /// Format of the output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Servers.
    #[command(flatten)]
    pub servers: ServersArgs,
}

pub(super) async fn run(args: &WorkersArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let servers = Servers::open(&args.servers).await?;
    let overview = servers.overview().await?;
    args.output.finish(lines, || text(&overview), || document(&overview));
    servers.members_failure()
}

/// Wishes about one worker.
#[derive(Debug)]
struct Asked {
    weight: u32,
    is_cordoned: bool,
    is_drained: bool,
    pinned_slots: usize,
}

impl Asked {
    fn of(worker: &WorkerId, steering: &Steering) -> Self {
        Self {
            weight: steering.weights.get(worker).map_or(Weight::ONE, |weight| *weight).get(),
            is_cordoned: steering.cordoned.contains(worker),
            is_drained: steering.drained.contains(worker),
            pinned_slots: steering.pins.values().filter(|pinned| *pinned == worker).count(),
        }
    }

    fn text(&self) -> String {
        let pins = (self.pinned_slots > 0).then(|| format!("{} pinned slots", self.pinned_slots));
        let words = [self.is_cordoned.then(|| "cordoned".to_owned()), self.is_drained.then(|| "drained".to_owned()), pins];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn text(overview: &Overview) -> String {
    let mut table = Table::new([
        ("worker", Align::Left),
        ("phase", Align::Left),
        ("slots", Align::Right),
        ("items", Align::Right),
        ("weight", Align::Right),
        ("revision", Align::Left),
        ("wishes", Align::Left),
    ]);
    let steering = overview.steering();
    for (worker, state) in overview.workers() {
        let asked = Asked::of(&worker, &steering);
        table.row([
            worker.to_string(),
            state.phase.to_string(),
            state.slots.to_string(),
            state.items.to_string(),
            asked.weight.to_string(),
            state.revision().unwrap_or_default().to_owned(),
            asked.text(),
        ]);
    }
    table.to_string()
}

/// Returns the workers as objects, as the operators' API has them.
pub(super) fn document(overview: &Overview) -> Value {
    let steering = overview.steering();
    let workers: Vec<_> = overview.workers().iter().map(|(worker, state)| one(worker, state, &steering)).collect();
    json!({"members_known": overview.members.is_some(), "workers": workers})
}

fn one(worker: &WorkerId, state: &WorkerState, steering: &Steering) -> Value {
    let Asked { weight, is_cordoned, is_drained, pinned_slots } = Asked::of(worker, steering);
    json!({
        "name": worker.as_str(), "phase": state.phase.to_string(), "slots": state.slots, "items": state.items, "weight": weight,
        "cordoned": is_cordoned, "draining": is_drained, "pinned_slots": pinned_slots, "revision": state.revision(),
    })
}

#[cfg(test)]
mod tests {
    use scaler_core::{Slot, Wish};

    use super::*;
    use crate::commands::testing::{World, worker};

    #[tokio::test]
    async fn each_worker_has_a_row_and_an_object() {
        let world = World::of(&[("worker-1", 3), ("worker-2", 1)]).await;
        world.wish(&Wish::Cordon(worker("worker-1"))).await;
        world.wish(&Wish::Weigh(worker("worker-2"), Weight::new(2).unwrap())).await;
        world.wish(&Wish::Pin(Slot::new(5), worker("worker-2"))).await;
        let overview = world.overview().await;
        let expected = "\
worker    phase    slots  items  weight  revision  wishes
--------  -------  -----  -----  ------  --------  --------------
worker-1  healthy      3      3       1  blue      cordoned
worker-2  healthy      1      1       2  blue      1 pinned slots";
        assert_eq!(text(&overview), expected);
        let document = document(&overview);
        assert_eq!(document["workers"][0]["cordoned"], true);
        assert_eq!(document["workers"][1]["pinned_slots"], 1);
        assert_eq!(document["workers"][1]["name"], "worker-2");
    }
}
