//! `notifi-scaler explain`: says why an item, a slot or a worker is where it is, why it moved, and why it does not.

use std::fmt::Write;

use clap::Args;
use notifi_scaler_common::Failure;
use notifi_scaler_common::explain::{Explanation, Sources, Subject, explain};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use scaler_core::{Slot, WorkerId};

use super::servers::{Servers, ServersArgs};
use crate::output::OutputArgs;

/// Maximum number of events that are printed.
const MOST_EVENTS: usize = 10;

/// Arguments of `notifi-scaler explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// Number of a slot, name of a worker, or id of an item; `slot:`, `worker:` and `item:` before it tell them apart
    #[arg(value_name = "ITEM|SLOT|WORKER")]
    pub subject: String,
    /// Format of the output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Servers.
    #[command(flatten)]
    pub servers: ServersArgs,
}

pub(super) async fn run(args: &ExplainArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let servers = Servers::open(&args.servers).await?;
    let is_worker = async |name: &WorkerId| Ok::<_, Failure>(servers.overview().await?.workers().contains_key(name));
    let subject = match named(&args.subject)? {
        Named::Certain(subject) => subject,
        Named::WorkerOrItem(name) if is_worker(&name).await? => Subject::Worker(name),
        Named::WorkerOrItem(name) => Subject::Item(name.to_string()),
    };
    let members = servers.membership.as_ref().ok().map(|members| &**members);
    let sources = Sources { store: &servers.store, items: &servers.store, members, situation: None };
    let explanation = explain(&subject, &sources).await?.ok_or_else(|| unknown(&args.subject))?;
    args.output.finish(lines, || text(&explanation), || serde_json::json!(explanation));
    servers.members_failure()
}

/// Subject that a text names.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    Certain(Subject),
    /// A worker if there is one of that name, or else an item.
    WorkerOrItem(WorkerId),
}

fn named(text: &str) -> Result<Named, Failure> {
    let bad = |what: &dyn ToString| Failure::Arguments(format!("{text:?}: {}", what.to_string()));
    let slot = |number: &str| {
        let number = number.parse().map_err(|_| bad(&"`slot:` is followed by a number, such as slot:5"))?;
        Ok(Named::Certain(Subject::Slot(Slot::new(number))))
    };
    if let Some(number) = text.strip_prefix("slot:") {
        return slot(number);
    }
    if let Some(name) = text.strip_prefix("worker:") {
        return Ok(Named::Certain(Subject::Worker(name.parse().map_err(|error| bad(&error))?)));
    }
    if let Some(id) = text.strip_prefix("item:") {
        return Ok(Named::Certain(Subject::Item(id.to_owned())));
    }
    if text.parse::<u32>().is_ok() {
        return slot(text);
    }
    Ok(match WorkerId::new(text) {
        Ok(name) => Named::WorkerOrItem(name),
        Err(_) => Named::Certain(Subject::Item(text.to_owned())),
    })
}

fn unknown(text: &str) -> Failure {
    Failure::Arguments(format!(
        "{text:?} is no item, slot or worker of this installation; `items list`, `slots` and `workers` list them"
    ))
}

fn text(explanation: &Explanation) -> String {
    let Explanation { subject, slot, owner, epoch, why_here, why_moved, why_not_moved, refusal, history, .. } = explanation;
    let mut text = subject.clone();
    // Writing to a string cannot fail.
    if let (Some(slot), Some(epoch)) = (slot, epoch) {
        let owner = owner.as_deref().unwrap_or("no owner");
        let _ = write!(text, ": slot {slot}, {owner}, epoch {epoch}");
    }
    for (title, sentences) in [("why here", why_here), ("why it moved", why_moved), ("why it does not move", why_not_moved)] {
        if !sentences.is_empty() {
            let _ = write!(text, "\n\n{title}:");
            sentences.iter().for_each(|sentence| _ = write!(text, "\n  {sentence}"));
        }
    }
    if let Some(refusal) = refusal {
        let _ = write!(text, "\n\nrefused:\n  {refusal}");
    }
    if !history.is_empty() {
        let _ = write!(text, "\n\nhistory:");
        history.iter().take(MOST_EVENTS).for_each(|event| _ = write!(text, "\n  {} {}", event.at, event.text));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_slot_and_a_prefix_decides() {
        let item = |id: &str| Named::Certain(Subject::Item(id.to_owned()));
        let worker = || WorkerId::new("worker-1").unwrap();
        for (text, expected) in [
            ("7", Named::Certain(Subject::Slot(Slot::new(7)))),
            ("slot:7", Named::Certain(Subject::Slot(Slot::new(7)))),
            ("item:7", item("7")),
            ("worker:worker-1", Named::Certain(Subject::Worker(worker()))),
            ("worker-1", Named::WorkerOrItem(worker())),
            ("two words", item("two words")),
        ] {
            assert_eq!(named(text).unwrap(), expected, "{text}");
        }
        for text in ["slot:first", "worker:", "worker:two words"] {
            assert_eq!(named(text).unwrap_err().code(), 64, "{text}");
        }
    }

    #[test]
    fn an_explanation_has_a_paragraph_for_each_question() {
        let explanation = Explanation {
            subject: "slot 7".to_owned(),
            slot: Some(7),
            owner: Some("worker-1".to_owned()),
            epoch: Some(4),
            why_here: vec!["worker-1 joined and took its share".to_owned()],
            why_not_moved: vec!["rebalancing is paused, by alice".to_owned()],
            ..Explanation::default()
        };
        let expected = "slot 7: slot 7, worker-1, epoch 4\n\nwhy here:\n  worker-1 joined and took its share\n\n\
                        why it does not move:\n  rebalancing is paused, by alice";
        assert_eq!(text(&explanation), expected);
    }
}
