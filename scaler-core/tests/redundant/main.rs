//! A membership over two paths, either of which may fail. On virtual time.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod conformance;
mod outage;
mod rules;
mod switch;
