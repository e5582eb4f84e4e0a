//! Text form of wake-up notifications.

use crate::{WakeUp, WorkerId};

const MEMBERS: &str = "members";
const SLOTS: &str = "slots";
const EVERYONE: &str = "everyone";

/// Returns the message of a notification. Names contain no spaces.
#[must_use]
pub fn write_wake_up(wake_up: &WakeUp) -> String {
    match wake_up {
        WakeUp::Members => MEMBERS.to_owned(),
        WakeUp::Slots(workers) => workers.iter().fold(SLOTS.to_owned(), |message, worker| message + " " + worker.as_str()),
        WakeUp::Everyone => EVERYONE.to_owned(),
    }
}

/// Returns the notification of a message; [`WakeUp::Everyone`] for one of another version or another program.
#[must_use]
pub fn read_wake_up(message: &str) -> WakeUp {
    let mut words = message.split(' ');
    match words.next() {
        Some(MEMBERS) => WakeUp::Members,
        Some(SLOTS) => words.map(WorkerId::new).collect::<Result<_, _>>().map_or(WakeUp::Everyone, WakeUp::Slots),
        _ => WakeUp::Everyone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_it_was_written() {
        let workers = ["a", "slots", "everyone"].map(|name| WorkerId::new(name).unwrap());
        for wake_up in [WakeUp::Members, WakeUp::Slots(workers.into()), WakeUp::Everyone] {
            assert_eq!(read_wake_up(&write_wake_up(&wake_up)), wake_up);
        }
    }

    #[test]
    fn what_is_not_understood_concerns_everyone() {
        for message in ["", "later", "slots ", "slots a  b", "\u{fffd}"] {
            assert_eq!(read_wake_up(message), WakeUp::Everyone, "{message:?}");
        }
    }
}
