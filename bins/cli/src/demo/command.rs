//! Commands for a running demo, from a script or a terminal.

use std::str::FromStr;

use scaler_core::{InvalidWorkerId, WorkerId};

use crate::removal::{BadRemoval, MOST_ITEMS, Removal};

/// Maximum number of workers added at a time.
pub(super) const MOST_WORKERS: u32 = 1000;

/// Help text with all commands.
pub(super) const HELP: &str = "\
workers add N          starts N workers
worker kill NAME       kills a worker, as SIGKILL does
worker drain NAME      drains a worker: it hands over its slots and exits, as with SIGTERM
items add N            adds N items to the table
items remove N|ID...   removes any N items, or the items with these ids, from the table
status                 shows the slots and items of each worker
help                   shows this list
quit                   stops and prints the summary";

/// Command for a running demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start more workers.
    AddWorkers(u32),
    /// End a worker at once.
    KillWorker(WorkerId),
    /// Drain a worker: let it hand over and leave.
    DrainWorker(WorkerId),
    /// Add items to the table.
    AddItems(u32),
    /// Remove items from the table.
    RemoveItems(Removal),
    /// Show the slots and items of each worker.
    Status,
    /// Show the commands.
    Help,
    /// End the demo.
    Quit,
}

/// Text that is not a valid command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadCommand {
    /// Unknown command.
    #[error("unknown command {0:?}; `help` lists the commands")]
    Unknown(String),
    /// Wrong number of words; holds the expected form.
    #[error("expected `{0}`")]
    Shape(&'static str),
    /// Invalid number.
    #[error("{word:?} is not a number from 1 to {most}")]
    Number {
        /// The word in place of a number.
        word: String,
        /// Maximum valid number.
        most: u32,
    },
    /// Invalid worker name.
    #[error(transparent)]
    Worker(#[from] InvalidWorkerId),
    /// Invalid selection of items.
    #[error(transparent)]
    Removal(#[from] BadRemoval),
}

impl FromStr for Command {
    type Err = BadCommand;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<_> = text.split_whitespace().collect();
        Ok(match words[..] {
            ["workers", "add", count] => Self::AddWorkers(number(count, MOST_WORKERS)?),
            ["workers", ..] => return Err(BadCommand::Shape("workers add N")),
            ["worker", "kill", name] => Self::KillWorker(name.parse()?),
            ["worker", "drain", name] => Self::DrainWorker(name.parse()?),
            ["worker", ..] => return Err(BadCommand::Shape("worker kill NAME` or `worker drain NAME")),
            ["items", "add", count] => Self::AddItems(number(count, MOST_ITEMS)?),
            ["items", "remove", ref rest @ ..] if !rest.is_empty() => Self::RemoveItems(Removal::parse(rest.iter().copied())?),
            ["items", ..] => return Err(BadCommand::Shape("items add N` or `items remove N|ID...")),
            ["status"] => Self::Status,
            ["help"] => Self::Help,
            ["quit"] => Self::Quit,
            _ => return Err(BadCommand::Unknown(text.trim().to_owned())),
        })
    }
}

fn number(word: &str, most: u32) -> Result<u32, BadCommand> {
    let number = word.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| BadCommand::Number { word: word.to_owned(), most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_parsed() {
        let worker = || WorkerId::new("worker-2").unwrap();
        for (text, command) in [
            ("workers add 2", Command::AddWorkers(2)),
            ("  worker   kill worker-2 ", Command::KillWorker(worker())),
            ("worker drain worker-2", Command::DrainWorker(worker())),
            ("items add 5", Command::AddItems(5)),
            ("items remove 5", Command::RemoveItems(Removal::Any(5))),
            ("status", Command::Status),
            ("help", Command::Help),
            ("quit", Command::Quit),
        ] {
            assert_eq!(text.parse(), Ok(command), "{text}");
        }
    }

    #[test]
    fn help_names_every_command() {
        for line in HELP.lines() {
            let text = line.split("   ").next().unwrap();
            let text = text.replace("NAME", "worker-1").replace("N|ID...", "3").replace(" N", " 3");
            assert!(text.parse::<Command>().is_ok(), "{text}");
        }
    }

    #[test]
    fn an_invalid_command_is_refused_with_the_expected_form() {
        for (text, complaint) in [
            ("", "unknown command \"\"; `help` lists the commands"),
            ("dance", "unknown command \"dance\"; `help` lists the commands"),
            ("workers", "expected `workers add N`"),
            ("workers add", "expected `workers add N`"),
            ("workers add 0", "\"0\" is not a number from 1 to 1000"),
            ("items add many", "\"many\" is not a number from 1 to 1000000"),
            ("worker kill", "expected `worker kill NAME` or `worker drain NAME`"),
            ("items remove", "expected `items add N` or `items remove N|ID...`"),
            ("items remove x", "\"x\" is neither a number of items from 1 to 1000000 nor the id of an item"),
        ] {
            assert_eq!(text.parse::<Command>().unwrap_err().to_string(), complaint);
        }
    }
}
