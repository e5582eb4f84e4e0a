//! Printer of the item list: the line that a worker prints every second.

use std::fmt::Write;
use std::str::FromStr;
use std::sync::Arc;

use scaler_core::{ItemId, WorkerId, digest_of};

/// Default maximum number of ids in a line.
pub const DEFAULT_IDS: usize = 1000;

/// Lines to print, and maximum number of ids in each: `all`, `changes`, or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrintIds {
    /// A line every tick, of up to 1,000 ids.
    All,
    /// A line only when the items differ from those last printed, of up to 1,000 ids.
    Changes,
    /// A line every tick, of up to this many ids.
    AtMost(usize),
}

/// Text that is not a valid [`PrintIds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `all`, `changes`, or the maximum number of ids per line")]
pub struct InvalidPrintIds;

impl FromStr for PrintIds {
    type Err = InvalidPrintIds;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            "changes" => Ok(Self::Changes),
            number => number.parse().map(Self::AtMost).map_err(|_| InvalidPrintIds),
        }
    }
}

/// Formatter of the item-list lines of one worker.
#[derive(Debug)]
pub struct WatchLines {
    worker: WorkerId,
    print: PrintIds,
    items: Option<Arc<[ItemId]>>,
    line: String,
}

impl WatchLines {
    /// Returns a formatter that has made no line yet.
    #[must_use]
    pub const fn new(worker: WorkerId, print: PrintIds) -> Self {
        Self { worker, print, items: None, line: String::new() }
    }

    /// Returns the line for these items, which must be sorted; `None` if no line is due.
    ///
    /// The line has neither a time nor a sequence number, so that it stays the same while nothing changes.
    pub fn next(&mut self, items: &Arc<[ItemId]>) -> Option<&str> {
        let same = self.items.as_ref().is_some_and(|printed| Arc::ptr_eq(printed, items) || printed == items);
        if !same {
            self.line = self.text(items);
            self.items = Some(Arc::clone(items));
        }
        (!same || self.print != PrintIds::Changes).then_some(self.line.as_str())
    }

    fn text(&self, items: &[ItemId]) -> String {
        let limit = match self.print {
            PrintIds::All | PrintIds::Changes => DEFAULT_IDS,
            PrintIds::AtMost(limit) => limit,
        };
        let mut line = format!("{} watching {} items:", self.worker, items.len());
        for id in items.iter().take(limit) {
            // Writing to a string cannot fail.
            let _ = write!(line, " {id}");
        }
        if let Some(more) = items.len().checked_sub(limit).filter(|more| *more > 0) {
            let _ = write!(line, " and {more} more, digest {:016x}", digest_of(items));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn items(count: u128) -> Arc<[ItemId]> {
        (1..=count).map(|n| ItemId::Uuid(Uuid::from_u128(n))).collect()
    }

    fn lines(print: PrintIds) -> WatchLines {
        WatchLines::new(WorkerId::new("worker-1").unwrap(), print)
    }

    #[test]
    fn the_line_names_worker_count_and_ids() {
        assert_eq!(lines(PrintIds::All).next(&items(0)), Some("worker-1 watching 0 items:"));
        assert_eq!(
            lines(PrintIds::All).next(&items(2)),
            Some("worker-1 watching 2 items: 00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002")
        );
    }

    #[test]
    fn the_line_is_the_same_line_after_line_while_nothing_changes() {
        let mut lines = lines(PrintIds::All);
        let first = lines.next(&items(10)).map(str::to_owned);
        assert!(first.is_some());
        for _ in 0..10 {
            assert_eq!(lines.next(&items(10)).map(str::to_owned), first);
        }
        assert_ne!(lines.next(&items(9)).map(str::to_owned), first);
    }

    #[test]
    fn changes_are_printed_once() {
        let mut lines = lines(PrintIds::Changes);
        assert!(lines.next(&items(2)).is_some());
        assert!(lines.next(&items(2)).is_none());
        assert!(lines.next(&items(3)).is_some());
        assert!(lines.next(&items(2)).is_some());
    }

    #[test]
    fn a_long_list_ends_with_a_count_and_a_digest_of_the_whole() {
        let many = items(5000);
        let line = lines(PrintIds::All).next(&many).unwrap().to_owned();
        assert_eq!(line.split(' ').filter(|word| word.len() == 36).count(), 1000);
        assert!(line.ends_with(&format!(" and 4000 more, digest {:016x}", digest_of(many.iter()))), "{line}");
        assert_eq!(
            lines(PrintIds::AtMost(1)).next(&items(1)),
            Some("worker-1 watching 1 items: 00000000-0000-0000-0000-000000000001")
        );
        assert!(
            lines(PrintIds::AtMost(0)).next(&items(3)).unwrap().starts_with("worker-1 watching 3 items: and 3 more, digest ")
        );
    }

    #[test]
    fn the_setting_is_all_changes_or_a_number() {
        assert_eq!("all".parse(), Ok(PrintIds::All));
        assert_eq!("changes".parse(), Ok(PrintIds::Changes));
        assert_eq!("20".parse(), Ok(PrintIds::AtMost(20)));
        for bad in ["", "none", "-1", "1.5"] {
            assert_eq!(bad.parse::<PrintIds>(), Err(InvalidPrintIds), "{bad}");
        }
    }
}
