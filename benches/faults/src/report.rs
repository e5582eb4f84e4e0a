//! What a fault came to, as a row for people and rows for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::oracle::Findings;

/// A number beside its limit. It must not be more.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was counted or measured, and in which unit.
    pub what: &'static str,
    /// How much it was.
    pub value: f64,
    /// How much it may be.
    pub limit: f64,
}

impl Check {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.value <= self.limit
    }

    fn is_time(&self) -> bool {
        self.what.ends_with(", s")
    }
}

/// What one fault came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What the oracle found; nothing where a fault has no use for it.
    pub findings: Option<Findings>,
    /// The least number of slots that had to move.
    pub minimum: Option<i64>,
    /// From the fault, or from its end where it lasts, until all was steady, in seconds.
    pub steady_s: Option<f64>,
    /// The limits.
    pub checks: Vec<Check>,
    /// What else was seen.
    pub notes: Vec<String>,
    /// How long it all took.
    pub took: Duration,
    /// Why it could not be played to its end.
    pub failed: Option<String>,
}

impl Report {
    /// A report on what the oracle found: no doubles, no invariant broken.
    #[must_use]
    pub fn of(findings: Findings) -> Self {
        let mut report = Self::default().at_most("doubles", findings.doubles, 0.0);
        let broken: i64 = findings.broken.iter().map(|(_, count)| count).sum();
        report = report.at_most("other invariants broken", broken, 0.0);
        for (invariant, count) in findings.broken.iter().filter(|(_, count)| *count > 0) {
            report = report.note(format!("{count} {}", invariant.replace('_', " ")));
        }
        Self { findings: Some(findings), ..report }
    }

    /// One that could not be played.
    #[must_use]
    pub fn failed(why: String) -> Self {
        Self { failed: Some(why), ..Self::default() }
    }

    /// This must not be more than that.
    #[must_use]
    pub fn at_most(mut self, what: &'static str, value: impl Number + Copy, limit: f64) -> Self {
        let value = value.number();
        self.checks.push(Check { what, value, limit });
        self
    }

    /// The longest gap must not be more than this, in seconds.
    #[must_use]
    pub fn gap_at_most(self, limit_s: f64) -> Self {
        let gap_s = self.findings.as_ref().map_or(0.0, |findings| findings.gap_s);
        self.at_most("longest gap, s", gap_s, limit_s)
    }

    /// No item may have missed a tick.
    #[must_use]
    pub fn none_missed(self) -> Self {
        let missed = self.findings.as_ref().map_or(0, |findings| findings.missed_p100);
        self.at_most("missed ticks", missed, 0.0)
    }

    /// So many slots had to move, and no more may.
    #[must_use]
    pub fn moves_at_most(mut self, minimum: i64) -> Self {
        self.minimum = Some(minimum);
        let moved = self.findings.as_ref().map_or(0, |findings| findings.moved);
        let limit = minimum.number();
        self.at_most("slots moved", moved, limit)
    }

    /// Until it was steady, so long.
    #[must_use]
    pub fn steady_after(mut self, time: Duration) -> Self {
        self.steady_s = Some(time.as_secs_f64());
        self
    }

    /// Tells more.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// With limits of time that are so many times as long, for a machine that others keep busy; nothing else is eased.
    #[must_use]
    pub fn with_slack(mut self, factor: f64) -> Self {
        self.checks.iter_mut().filter(|check| check.is_time()).for_each(|check| check.limit *= factor);
        self
    }

    /// Whether it was played to its end, and all limits hold.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failed.is_none() && !self.checks.is_empty() && self.checks.iter().all(Check::holds)
    }

    /// A row of a Markdown table.
    #[must_use]
    pub fn row(&self, number: u8, name: &str) -> String {
        let found = |tell: fn(&Findings) -> String| self.findings.as_ref().map_or("-".to_owned(), tell);
        let doubles = self.checks.iter().find(|check| check.what == "doubles");
        let moved = match (&self.findings, self.minimum) {
            (Some(findings), Some(minimum)) => format!("{} / {minimum}", findings.moved),
            (Some(findings), None) => findings.moved.to_string(),
            (None, _) => "-".to_owned(),
        };
        let told = self.checks.iter().filter(|check| check.what != "doubles" && (check.limit > 0.0 || !check.holds()));
        let mut told: Vec<_> =
            told.map(|check| format!("{} {} [{}]", check.what, short(check.value), short(check.limit))).collect();
        told.extend(self.notes.iter().cloned());
        told.extend(self.failed.iter().map(|why| format!("not played: {}", why.replace(['\n', '|'], " "))));
        format!(
            "| {number} {name} | {} | {} | {} | {moved} | {} | {} | {} |",
            doubles.map_or("-".to_owned(), |check| short(check.value)),
            found(|found| format!("{} / {}", found.missed_p50, found.missed_p100)),
            found(|found| short(found.gap_s)),
            self.steady_s.map_or("-".to_owned(), short),
            told.join("; "),
            if self.is_ok() { "yes" } else { "**no**" }
        )
    }

    /// Its limits, for programs.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<Value> {
        let value = |check: &Check| json!({"name": format!("{name}: {}", check.what), "value": check.value, "limit": check.limit, "ok": check.holds()});
        let failed =
            self.failed.iter().map(|why| json!({"name": format!("{name}: {why}"), "value": null, "limit": null, "ok": false}));
        self.checks.iter().map(value).chain(failed).collect()
    }
}

/// The head of the table.
pub const HEAD: &str = "\
| fault | doubles | missed p50 / p100 | longest gap, s | slots moved / minimum | steady after, s | measured [limit] | ok |
|---|--:|--:|--:|--:|--:|---|---|";

/// At most two digits behind the point, and none where there are none to tell.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What can stand in a check.
pub trait Number {
    /// As a number.
    fn number(&self) -> f64;
}

impl Number for f64 {
    fn number(&self) -> f64 {
        *self
    }
}

impl Number for i64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn number(&self) -> f64 {
        *self as f64
    }
}

impl Number for Duration {
    fn number(&self) -> f64 {
        self.as_secs_f64()
    }
}
