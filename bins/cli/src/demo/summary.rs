//! Summary of a demo, while it runs or at the end.

use std::fmt;
use std::time::Duration;

use scaler_core::WorkerId;

use super::journal::Entry;
use crate::table::{Align, Table};

/// State of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Works.
    Working,
    /// Works until it owns no slots.
    Draining,
    /// Handed over its slots and left.
    Left,
    /// Was ended at once, without a hand-over.
    Killed,
}

impl Life {
    /// True if the worker still works.
    #[must_use]
    pub const fn is_at_work(self) -> bool {
        matches!(self, Self::Working | Self::Draining)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Draining => "draining",
            Self::Left => "left",
            Self::Killed => "killed",
        }
    }
}

/// State and load of one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRow {
    /// Name of the worker.
    pub name: WorkerId,
    /// State of the worker.
    pub life: Life,
    /// Number of owned slots.
    pub slots: u64,
    /// Number of items in these slots.
    pub items: u64,
}

/// Summary of a demo. `Display` formats it as tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Time since the start.
    pub lasted: Duration,
    /// Number of ticks since the start.
    pub ticks: u64,
    /// Value of each item.
    pub values: Vec<u64>,
    /// Number of values that equal the number of ticks of the slot since the item was added.
    pub exact: usize,
    /// All workers, including those that ended, in the order of their start.
    pub workers: Vec<WorkerRow>,
    /// Rebalances, in the order of time.
    pub redistributions: Vec<Entry>,
}

impl Summary {
    /// Returns a table of the slots and items of each worker.
    #[must_use]
    pub fn loads(&self) -> String {
        let mut table =
            Table::new([("worker", Align::Left), ("state", Align::Left), ("items", Align::Right), ("slots", Align::Right)]);
        for row in &self.workers {
            table.row([row.name.to_string(), row.life.as_str().to_owned(), row.items.to_string(), row.slots.to_string()]);
        }
        let total = |pick: fn(&WorkerRow) -> u64| self.workers.iter().map(pick).sum::<u64>().to_string();
        table.totals(["total".to_owned(), String::new(), total(|row| row.items), total(|row| row.slots)]);
        table.to_string()
    }

    fn moves(&self) -> String {
        let mut table = Table::new([
            ("time", Align::Right),
            ("rebalance", Align::Left),
            ("slots moved", Align::Right),
            ("minimum", Align::Right),
            ("items moved", Align::Right),
            ("minimum", Align::Right),
        ]);
        for entry in &self.redistributions {
            table.row([
                format!("{:.1} s", entry.at.as_secs_f64()),
                entry.why.clone(),
                entry.cost.slots.to_string(),
                entry.lower_bound.slots.to_string(),
                entry.cost.items.to_string(),
                entry.lower_bound.items.to_string(),
            ]);
        }
        table.to_string()
    }

    fn check(&self) -> String {
        let count = self.values.len();
        match count - self.exact {
            0 => format!("every value equals the ticks of its slot: yes, {count} of {count}"),
            wrong => format!("every value equals the ticks of its slot: NO, {wrong} of {count} differ"),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum: u64 = self.values.iter().sum();
        let (least, most) = (self.values.iter().min().unwrap_or(&0), self.values.iter().max().unwrap_or(&0));
        write!(f, "{}\n\n", self.loads())?;
        if self.redistributions.is_empty() {
            write!(f, "no rebalance\n\n")?;
        } else {
            write!(f, "{}\n\n", self.moves())?;
        }
        writeln!(f, "{} ticks in {:.1} s; {} items", self.ticks, self.lasted.as_secs_f64(), self.values.len())?;
        writeln!(f, "sum of values {sum}; minimum {least}, maximum {most}")?;
        f.write_str(&self.check())
    }
}

#[cfg(test)]
mod tests {
    use scaler_core::Cost;

    use super::*;

    #[test]
    fn the_summary_is_shown_in_tables() {
        let summary = Summary {
            lasted: Duration::from_millis(8_040),
            ticks: 9,
            values: vec![8, 9, 9],
            exact: 3,
            workers: vec![
                WorkerRow { name: WorkerId::new("worker-1").unwrap(), life: Life::Working, slots: 4096, items: 3 },
                WorkerRow { name: WorkerId::new("worker-2").unwrap(), life: Life::Killed, slots: 0, items: 0 },
            ],
            redistributions: vec![Entry {
                at: Duration::from_millis(40),
                why: "unowned".to_owned(),
                cost: Cost { slots: 4096, items: 3 },
                lower_bound: Cost { slots: 4096, items: 3 },
            }],
        };
        let expected = "\
worker    state    items  slots
--------  -------  -----  -----
worker-1  working      3   4096
worker-2  killed       0      0
--------  -------  -----  -----
total                  3   4096

 time  rebalance  slots moved  minimum  items moved  minimum
-----  ---------  -----------  -------  -----------  -------
0.0 s  unowned           4096     4096            3        3

9 ticks in 8.0 s; 3 items
sum of values 26; minimum 8, maximum 9
every value equals the ticks of its slot: yes, 3 of 3";
        assert_eq!(summary.to_string(), expected);
        let wrong = Summary { exact: 1, ..summary };
        assert!(wrong.to_string().ends_with("NO, 2 of 3 differ"));
    }
}
