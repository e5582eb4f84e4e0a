//! `notifi-scaler slots`: lists slots with their owners, epochs, ticks and items.

use clap::Args;
use notifi_scaler_common::Failure;
use notifi_scaler_common::config::{PostgresArgs, WaitArgs};
use notifi_scaler_common::overview::Overview;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use scaler_core::{Slot, SlotState, WorkerId};
use serde_json::{Value, json};

use super::open;
use crate::output::OutputArgs;
use crate::table::{Align, Table};

/// Maximum number of slots of an installation.
const MOST: i64 = 65_536;

/// Arguments of `notifi-scaler slots`.
#[derive(Clone, Debug, Args)]
pub struct SlotsArgs {
    /// List only slots of this worker
    #[arg(long, value_name = "POD", conflicts_with = "unowned")]
    pub owner: Option<WorkerId>,
    /// List only slots without an owner
    #[arg(long)]
    pub unowned: bool,
    /// List only slots with a greater number
    #[arg(long, value_name = "N")]
    pub after: Option<u32>,
    /// Maximum number of slots to list
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=MOST))]
    pub limit: u32,
    /// Format of the output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Connection settings of Postgres.
    #[command(flatten)]
    pub postgres: PostgresArgs,
    /// Maximum wait for Postgres.
    #[command(flatten)]
    pub wait: WaitArgs,
}

pub(super) async fn run(args: &SlotsArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let store = open(&args.postgres, &args.wait).await?;
    store.probe_to_look().await?;
    let overview = Overview::read(&store, None).await?;
    let page = Page::of(args, &overview);
    args.output.finish(lines, || page.text(&overview), || page.document(&overview));
    Ok(())
}

/// Slots that were asked for.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    slots: Vec<Slot>,
    /// Last slot of this page, if others follow.
    next: Option<Slot>,
}

impl Page {
    fn of(args: &SlotsArgs, overview: &Overview) -> Self {
        let is_asked = |slot: &Slot| {
            let owner = overview.owner(*slot);
            args.after.is_none_or(|after| slot.number() > after)
                && args.owner.as_ref().is_none_or(|asked| owner == Some(asked))
                && (!args.unowned || owner.is_none())
        };
        let mut asked = overview.load.slots().iter().filter(is_asked);
        let slots: Vec<_> = asked.by_ref().take(args.limit.try_into().unwrap_or(usize::MAX)).collect();
        let next = asked.next().and(slots.last().copied());
        Self { slots, next }
    }

    fn text(&self, overview: &Overview) -> String {
        let mut table = Table::new([
            ("slot", Align::Right),
            ("owner", Align::Left),
            ("epoch", Align::Right),
            ("last tick", Align::Right),
            ("items", Align::Right),
            ("pinned to", Align::Left),
        ]);
        let pins = overview.steering().pins;
        for (slot, state) in self.states(overview) {
            let owner = state.owner.as_ref().map_or("", |owner| owner.worker.as_str());
            table.row([
                slot.to_string(),
                owner.to_owned(),
                state.epoch.to_string(),
                state.last_tick.to_string(),
                overview.load.of(slot).to_string(),
                pins.get(&slot).map_or("", WorkerId::as_str).to_owned(),
            ]);
        }
        let more = self.next.map_or_else(String::new, |last| format!("\n\nmore slots follow: --after {last}"));
        format!("{table}{more}")
    }

    fn document(&self, overview: &Overview) -> Value {
        let pins = overview.steering().pins;
        let one = |(slot, state): (Slot, &SlotState)| {
            json!({
                "slot": slot.number(), "owner": state.owner.as_ref().map(|owner| owner.worker.as_str()), "epoch": state.epoch.0,
                "last_tick": state.last_tick.0, "items": overview.load.of(slot), "pinned_to": pins.get(&slot).map(WorkerId::as_str),
            })
        };
        json!({"slots": self.states(overview).map(one).collect::<Vec<_>>(), "next": self.next.map(Slot::number)})
    }

    fn states<'a>(&'a self, overview: &'a Overview) -> impl Iterator<Item = (Slot, &'a SlotState)> {
        self.slots.iter().filter_map(|slot| Some((*slot, overview.assignment.slots.get(slot.index())?)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::commands::testing::{World, worker};

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        args: SlotsArgs,
    }

    async fn numbers(words: &[&str]) -> (Vec<u32>, Option<u32>) {
        let args = Program::parse_from(std::iter::once(&"slots").chain(words)).args;
        let overview = World::of(&[("worker-1", 3), ("worker-2", 1)]).await.overview().await;
        let page = Page::of(&args, &overview);
        (page.slots.iter().map(|slot| slot.number()).collect(), page.next.map(Slot::number))
    }

    #[tokio::test]
    async fn a_page_has_the_slots_that_were_asked_for() {
        assert_eq!(numbers(&["--owner", "worker-1"]).await, (vec![0, 1, 2], None));
        assert_eq!(numbers(&["--owner", "worker-1", "--limit", "2"]).await, (vec![0, 1], Some(1)));
        assert_eq!(numbers(&["--owner", "worker-1", "--after", "1"]).await, (vec![2], None));
        assert_eq!(numbers(&["--unowned", "--limit", "2"]).await, (vec![4, 5], Some(5)));
        assert_eq!(numbers(&["--after", "4000000"]).await, (vec![], None));
    }

    #[tokio::test]
    async fn text_and_document_have_the_same_content() {
        let world = World::of(&[("worker-1", 1)]).await;
        world.wish(&scaler_core::Wish::Pin(Slot::new(0), worker("worker-9"))).await;
        let overview = world.overview().await;
        let page = Page { slots: vec![Slot::new(0)], next: Some(Slot::new(0)) };
        let text = page.text(&overview);
        assert!(text.contains("worker-1") && text.ends_with("worker-9\n\nmore slots follow: --after 0"), "{text}");
        let document = page.document(&overview);
        assert_eq!((&document["next"], &document["slots"][0]["owner"]), (&json!(0), &json!("worker-1")));
        assert_eq!(document["slots"][0]["pinned_to"], "worker-9");
    }
}
