//! `notifi-scaler events`: prints what changed, when and why.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use notifi_scaler_common::Failure;
use notifi_scaler_common::config::{PostgresArgs, WaitArgs};
use notifi_scaler_common::servers::ServerWait;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::utc::{age, utc};
use scaler_core::{
    Assignment, EVENTS_PER_PAGE, EventFilter, EventKind, EventLog, RecordedEvent, Slot, StoreError, WorkStore, WorkerId,
};
use scaler_pg::PgStore;
use serde_json::{Value, json};

use super::open;
use crate::output::{Output, OutputArgs};

/// Interval between two reads of the log with `--follow`.
const INTERVAL: Duration = Duration::from_secs(1);

/// Arguments of `notifi-scaler events`.
#[derive(Clone, Debug, Args)]
pub struct EventsArgs {
    /// Print later events as they happen, until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// Maximum number of past events to print
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub limit: u16,
    /// Print only events that concern this worker
    #[arg(long, value_name = "POD")]
    pub worker: Option<WorkerId>,
    /// Print only events in which this slot moved
    #[arg(long, value_name = "N")]
    pub slot: Option<u32>,
    /// Print only events of this kind
    #[arg(long, value_parser = kinds())]
    pub kind: Option<EventKind>,
    /// Format of the output; each event is one line of JSON with `json`
    #[command(flatten)]
    pub output: OutputArgs,
    /// Connection settings of Postgres.
    #[command(flatten)]
    pub postgres: PostgresArgs,
    /// Maximum wait for Postgres.
    #[command(flatten)]
    pub wait: WaitArgs,
}

fn kinds() -> impl TypedValueParser<Value = EventKind> {
    PossibleValuesParser::new(EventKind::ALL.map(EventKind::as_str))
        .try_map(|word| EventKind::parse(&word).ok_or("no kind of event"))
}

pub(super) async fn run(args: &EventsArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let store = open(&args.postgres, &args.wait).await?;
    store.probe_to_look().await?;
    let mut reader = Reader::new(args);
    let Assignment { tick, tick_length, .. } = store.assignment().await?;
    let now = tick_length.saturating_mul(u32::try_from(tick.0).unwrap_or(u32::MAX));
    let past: Vec<_> = reader.past(log(&store)?).await?.iter().map(|event| line(args.output.output, event, now)).collect();
    match (past.is_empty(), args.output.output) {
        (true, Output::Table) if !args.follow => lines.finish("no events"),
        (true, _) => {}
        (false, _) => lines.finish(past.join("\n")),
    }
    if args.follow { follow(args, &store, &mut reader, lines).await } else { Ok(()) }
}

/// Prints events as they happen. Ends only with a failure that waiting cannot mend.
async fn follow(args: &EventsArgs, store: &PgStore, reader: &mut Reader, lines: &StdoutWriter) -> Result<(), Failure> {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let filter = reader.later();
        let read = async || Ok(log(store)?.events(&filter, EVENTS_PER_PAGE).await?);
        let events = ServerWait::at_most(args.wait.wait).until_ready("Postgres", read).await?;
        for event in reader.read(events) {
            lines.finish(line(args.output.output, &event, event.at));
        }
    }
}

fn log(store: &dyn WorkStore) -> Result<&dyn EventLog, Failure> {
    store.event_log().ok_or_else(|| Failure::Arguments("this store keeps no events".into()))
}

/// Position in the log.
#[derive(Debug)]
struct Reader {
    filter: EventFilter,
    limit: usize,
}

impl Reader {
    fn new(args: &EventsArgs) -> Self {
        let filter = EventFilter {
            worker: args.worker.clone(),
            slot: args.slot.map(Slot::new),
            kind: args.kind,
            ..EventFilter::default()
        };
        Self { filter, limit: args.limit.into() }
    }

    /// Returns the last events, oldest first. Later ones come after all that exist now, also those that were not asked for.
    async fn past(&mut self, log: &dyn EventLog) -> Result<Vec<RecordedEvent>, StoreError> {
        let newest = log.events(&EventFilter::default(), 1).await?;
        self.filter.after = None;
        let past = log.events(&self.filter, self.limit).await?;
        self.filter.after = newest.first().map(|event| event.id).or(Some(0));
        Ok(self.read(past))
    }

    /// Returns the filter of later events.
    fn later(&self) -> EventFilter {
        self.filter.clone()
    }

    /// Takes events that were read, newest first, and returns them oldest first.
    fn read(&mut self, mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        self.filter.after = self.filter.after.max(events.first().map(|event| event.id));
        events.reverse();
        events
    }
}

fn line(output: Output, event: &RecordedEvent, now: Duration) -> String {
    match output {
        Output::Table => text(event, now),
        Output::Json => document(event).to_string(),
    }
}

fn text(RecordedEvent { at, event, .. }: &RecordedEvent, now: Duration) -> String {
    let by = event.by.as_ref().map_or_else(String::new, |by| format!(" (by {by})"));
    let ago = now.saturating_sub(*at);
    let ago = if ago.is_zero() { String::new() } else { format!("{} ago", age(ago)) };
    format!("{}  {ago:>10}  {:<9}  {}{by}", utc(*at), event.kind, event.text)
}

/// Returns an event as an object, as the operators' API has it.
fn document(RecordedEvent { id, at, event }: &RecordedEvent) -> Value {
    json!({
        "id": id, "at": utc(*at), "kind": event.kind.as_str(), "worker": event.worker.as_ref().map(WorkerId::as_str),
        "from": event.from.as_ref().map(WorkerId::as_str), "cause": event.cause, "by": event.by, "text": event.text,
        "slots": event.slots.len(),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use scaler_core::{Event, Wish};

    use super::*;
    use crate::commands::testing::{World, worker};

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        args: EventsArgs,
    }

    fn args(words: &[&str]) -> Result<EventsArgs, clap::Error> {
        Program::try_parse_from(std::iter::once(&"events").chain(words)).map(|program| program.args)
    }

    async fn texts(world: &World, words: &[&str]) -> Vec<String> {
        let mut reader = Reader::new(&args(words).unwrap());
        let events = reader.past(&*world.store).await.unwrap();
        events.into_iter().map(|recorded| recorded.event.text).collect()
    }

    #[tokio::test]
    async fn the_newest_event_comes_last() {
        let world = World::of(&[]).await;
        for name in ["worker-1", "worker-2"] {
            world.wish(&Wish::Cordon(worker(name))).await;
        }
        world.store.append(&[Event::new(EventKind::Clock, "the clock fell")]).await.unwrap();
        let all = ["worker-1 is cordoned", "worker-2 is cordoned", "the clock fell"];
        assert_eq!(texts(&world, &[]).await, all);
        assert_eq!(texts(&world, &["--limit", "1"]).await, all[2..]);
        assert_eq!(texts(&world, &["--kind", "wish"]).await, all[..2]);
        assert_eq!(texts(&world, &["--worker", "worker-2"]).await, all[1..2]);
        assert_eq!(texts(&world, &["--slot", "7"]).await, all[..0]);
    }

    #[tokio::test]
    async fn following_continues_after_the_last_event() {
        let world = World::of(&[]).await;
        world.wish(&Wish::Pause).await;
        let mut reader = Reader::new(&args(&["--limit", "0"]).unwrap());
        assert_eq!(reader.past(&*world.store).await.unwrap(), []);
        assert_eq!(world.store.events(&reader.later(), 9).await.unwrap(), []);
        world.wish(&Wish::Cordon(worker("worker-1"))).await;
        let later = world.store.events(&reader.later(), 9).await.unwrap();
        assert_eq!(reader.read(later).len(), 1);
        assert_eq!(world.store.events(&reader.later(), 9).await.unwrap(), []);
    }

    #[test]
    fn an_event_is_a_line_or_an_object() {
        let event = Event { by: Some("alice".into()), ..Event::new(EventKind::Wish, "rebalancing is paused") };
        let recorded = RecordedEvent { id: 3, at: Duration::from_secs(60), event };
        assert_eq!(
            text(&recorded, Duration::from_secs(180)),
            "1970-01-01T00:01:00.000Z   2 min ago  wish       rebalancing is paused (by alice)"
        );
        let document = document(&recorded);
        assert_eq!((&document["kind"], &document["by"], &document["slots"]), (&json!("wish"), &json!("alice"), &json!(0)));
    }

    #[test]
    fn bad_arguments_are_refused() {
        for bad in [&["--kind", "coffee"][..], &["--limit", "1001"], &["--slot", "first"], &["--worker", "a b"]] {
            assert!(args(bad).is_err(), "{bad:?}");
        }
    }
}
