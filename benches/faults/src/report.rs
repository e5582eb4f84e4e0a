//! Report on a fault, as a table row for people and as values for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::oracle::Findings;

/// A measured value and its maximum.
#[derive(Clone, Debug)]
pub struct Check {
    /// Name of the value, with its unit.
    pub what: &'static str,
    /// Measured value.
    pub value: f64,
    /// Maximum value.
    pub limit: f64,
}

impl Check {
    /// True if the value is within its limit.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.value <= self.limit
    }

    fn is_time(&self) -> bool {
        self.what.ends_with(", s")
    }
}

/// Report on one fault.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Findings of the oracle; `None` if the fault does not use it.
    pub findings: Option<Findings>,
    /// Minimum number of slots that had to move.
    pub minimum: Option<i64>,
    /// Time from the fault, or from its end if it lasts, until the system was steady, in seconds.
    pub steady_s: Option<f64>,
    /// Values with their limits.
    pub checks: Vec<Check>,
    /// Further observations.
    pub notes: Vec<String>,
    /// Total duration.
    pub took: Duration,
    /// Reason for which it could not be played to its end, if so.
    pub failed: Option<String>,
}

impl Report {
    /// Returns a report on the findings of the oracle that requires no doubles and no broken invariants.
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

    /// Returns the report on a fault that could not be played.
    #[must_use]
    pub fn failed(why: String) -> Self {
        Self { failed: Some(why), ..Self::default() }
    }

    /// Adds a value that must not exceed `limit`.
    #[must_use]
    pub fn at_most(mut self, what: &'static str, value: impl Number + Copy, limit: f64) -> Self {
        let value = value.number();
        self.checks.push(Check { what, value, limit });
        self
    }

    /// Requires that the longest gap does not exceed this limit, in seconds.
    #[must_use]
    pub fn gap_at_most(self, limit_s: f64) -> Self {
        let gap_s = self.findings.as_ref().map_or(0.0, |findings| findings.gap_s);
        self.at_most("longest gap, s", gap_s, limit_s)
    }

    /// Requires that no item missed a tick.
    #[must_use]
    pub fn none_missed(self) -> Self {
        let missed = self.findings.as_ref().map_or(0, |findings| findings.missed_p100);
        self.at_most("missed ticks", missed, 0.0)
    }

    /// Requires that no more slots moved than had to.
    #[must_use]
    pub fn moves_at_most(mut self, minimum: i64) -> Self {
        self.minimum = Some(minimum);
        let moved = self.findings.as_ref().map_or(0, |findings| findings.moved);
        let limit = minimum.number();
        self.at_most("slots moved", moved, limit)
    }

    /// Sets the time until the system was steady.
    #[must_use]
    pub fn steady_after(mut self, time: Duration) -> Self {
        self.steady_s = Some(time.as_secs_f64());
        self
    }

    /// Adds an observation.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Multiplies all time limits by this factor, for a busy machine. Other limits do not change.
    #[must_use]
    pub fn with_slack(mut self, factor: f64) -> Self {
        self.checks.iter_mut().filter(|check| check.is_time()).for_each(|check| check.limit *= factor);
        self
    }

    /// True if it was played to its end and all limits hold.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failed.is_none() && !self.checks.is_empty() && self.checks.iter().all(Check::holds)
    }

    /// Returns the row of the Markdown table.
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

    /// Returns its values and limits for programs.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<Value> {
        let value = |check: &Check| json!({"name": format!("{name}: {}", check.what), "value": check.value, "limit": check.limit, "ok": check.holds()});
        let failed =
            self.failed.iter().map(|why| json!({"name": format!("{name}: {why}"), "value": null, "limit": null, "ok": false}));
        self.checks.iter().map(value).chain(failed).collect()
    }
}

/// Head of the table.
pub const HEAD: &str = "\
| fault | doubles | missed p50 / p100 | longest gap, s | slots moved / minimum | steady after, s | measured [limit] | ok |
|---|--:|--:|--:|--:|--:|---|---|";

/// Returns a number with at most two decimals, and without trailing zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Type of a value in a check.
pub trait Number {
    /// Converts the value to a number.
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
