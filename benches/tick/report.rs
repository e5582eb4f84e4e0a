//! Report of the bench: the table and the targets.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::args::{Commit, Order};
use crate::contender::Contender;
use crate::measure::Found;

/// Results for a table whose rows lie in this order.
pub(crate) struct Chapter {
    pub(crate) order: Order,
    pub(crate) found: Vec<Found>,
}

/// A target, with the measured value.
pub(crate) struct Target {
    name: String,
    value: f64,
    /// Minimum value that meets the target.
    limit: f64,
}

impl Chapter {
    /// Returns the table, as Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "| rows {} | rows/s | to the plain UPDATE | HOT | WAL bytes a row | heap growth, bytes a row |\n",
            self.order
        );
        text.push_str("|---|--:|--:|--:|--:|--:|\n");
        let plain = self.of(Contender::Plain);
        for found in &self.found {
            let ratio = plain.map_or(f64::NAN, |plain| found.over(plain));
            #[expect(clippy::cast_precision_loss, reason = "it is shown with three digits")]
            let per_row =
                [found.hot_share(), found.per_row(|pass| pass.wal_bytes as f64), found.per_row(|pass| pass.growth_bytes as f64)];
            let [hot, wal, growth] = per_row;
            let (contender, rows_per_s) = (found.contender, found.rows_per_s());
            _ = writeln!(text, "| {contender} | {rows_per_s:.0} | {ratio:.3} | {:.1} % | {wal:.0} | {growth:.2} |", hot * 100.0);
        }
        text
    }

    /// Returns the targets for this order.
    pub(crate) fn targets(&self) -> Vec<Target> {
        use Commit::{Off, On};
        use Contender::{Fenced, OneRow, Plain, Unfenced};
        let limits: &[(Contender, Contender, f64)] = match self.order {
            Order::Slot => &[
                (Fenced(Off), Plain, 0.9),
                (Fenced(On), Plain, 0.8),
                (Fenced(Off), Unfenced(Off), 1.0 / 1.1),
                (Fenced(On), OneRow(On), 50.0),
                (Fenced(Off), OneRow(Off), 15.0),
            ],
            Order::Random => &[(Fenced(Off), Plain, 0.7)],
        };
        let target = |(own, other, least): &(Contender, Contender, f64)| {
            let (own, other) = (self.of(*own)?, self.of(*other)?);
            let name = format!("{} over {}, rows {}", own.contender, other.contender, self.order);
            Some(Target { name, value: own.over(other), limit: *least })
        };
        limits.iter().filter_map(target).collect()
    }

    fn of(&self, contender: Contender) -> Option<&Found> {
        self.found.iter().find(|found| found.contender == contender)
    }
}

impl Target {
    pub(crate) fn json(&self) -> Value {
        json!({ "name": self.name, "value": self.value, "limit": self.limit, "ok": self.is_met() })
    }

    pub(crate) fn line(&self) -> String {
        let mark = if self.is_met() { "met   " } else { "MISSED" };
        format!("{mark} {}: {:.3}, at least {:.3}", self.name, self.value, self.limit)
    }

    fn is_met(&self) -> bool {
        self.value >= self.limit
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Slot => "in slot order",
            Self::Random => "in random order",
        })
    }
}
