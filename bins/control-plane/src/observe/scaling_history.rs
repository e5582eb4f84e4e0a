//! Keeps what the autoscaler does in the event log.

use std::fmt::Write;

use scaler_core::autoscale::AutoscaleEvent;
use scaler_core::{Event, EventKind, EventLog};
use tokio::sync::mpsc;

use super::autoscale::names;

/// Maximum number of events that wait to be appended; more are dropped.
const MOST_WAITING: usize = 100;

/// Turns the events of an autoscaler into records.
#[derive(Debug)]
pub(crate) struct ScalingHistory(mpsc::Sender<Event>);

/// Returns a history, and the end at which its records come out.
pub(crate) fn history() -> (ScalingHistory, mpsc::Receiver<Event>) {
    let (to_append, records) = mpsc::channel(MOST_WAITING);
    (ScalingHistory(to_append), records)
}

impl ScalingHistory {
    /// Keeps an event. `why` is the reason for the wanted number of workers.
    pub(crate) fn observe(&self, event: &AutoscaleEvent<'_>, why: &str) {
        if let Some(record) = record(event, why) {
            // A full channel means that the log is away for long; the log lines have it all.
            let _ = self.0.try_send(record);
        }
    }
}

fn record(event: &AutoscaleEvent<'_>, why: &str) -> Option<Event> {
    let scale = |text: String| Event::new(EventKind::Scale, text);
    let because = |text: String| Event { cause: Some(why.to_owned()), ..scale(text) };
    let by = |by: Option<&str>, text: String| Event { by: by.map(str::to_owned), ..scale(text) };
    Some(match event {
        AutoscaleEvent::Retired { retired, reinstated } => {
            let mut text = String::new();
            if !retired.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(text, "workers hand over their slots before the number of workers falls: {}", names(retired));
            }
            if !reinstated.is_empty() {
                let _ = write!(text, "workers are needed again: {}", names(reinstated));
            }
            because(text)
        }
        AutoscaleEvent::Scaled { from, to } => because(format!("number of workers set from {from} to {to}")),
        AutoscaleEvent::Overruled { from, to, by: writer } => {
            by(*writer, format!("another writer set the number of workers from {from} to {to}"))
        }
        AutoscaleEvent::Contested { from, to, by: writer, stands_back_for } => by(
            *writer,
            format!(
                "another writer set the number of workers from {from} to {to} again; autoscaling is paused for {} s",
                stands_back_for.as_secs()
            ),
        ),
        AutoscaleEvent::Resumed => scale("autoscaling resumed".to_owned()),
        _ => return None,
    })
}

/// Appends the records to the log until the history is dropped. A record that cannot be appended is lost.
pub(crate) async fn append(mut records: mpsc::Receiver<Event>, log: &dyn EventLog) {
    let mut batch = Vec::new();
    while records.recv_many(&mut batch, MOST_WAITING).await > 0 {
        if let Err(error) = log.append(&batch).await {
            tracing::warn!(%error, events = batch.len(), "events of the autoscaler cannot be kept; the log lines have them");
        }
        batch.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use scaler_core::memory::MemoryStore;
    use scaler_core::{EventFilter, SlotCount, TokioClock};

    use super::*;

    #[tokio::test]
    async fn a_change_of_the_number_of_workers_is_kept_with_its_reason() {
        let store = MemoryStore::new(Arc::new(TokioClock::start()), SlotCount::new(256).unwrap(), Duration::from_secs(1));
        let (history, records) = history();
        let why = "300 items need 6 workers";
        history.observe(&AutoscaleEvent::Scaled { from: 3, to: 6 }, why);
        history.observe(&AutoscaleEvent::Overruled { from: 6, to: 4, by: Some("kubectl") }, why);
        history.observe(&AutoscaleEvent::StoodDown, why);
        drop(history);
        append(records, &store).await;
        let kept = store.events(&EventFilter::default(), 10).await.unwrap();
        let [overruled, scaled] = &kept[..] else { panic!("{kept:?}") };
        let (overruled, scaled) = (&overruled.event, &scaled.event);
        assert_eq!(
            (scaled.text.as_str(), scaled.cause.as_deref()),
            ("number of workers set from 3 to 6", Some("300 items need 6 workers"))
        );
        assert_eq!(overruled.by.as_deref(), Some("kubectl"));
    }
}
