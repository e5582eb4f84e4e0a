//! Test suites that every ring and every adapter must pass, and broken implementations that must fail them.
//!
//! A case returns a [`Violation`] instead of panicking, so that a test can also assert that a broken implementation fails the
//! case that is meant for it.
#![expect(clippy::missing_errors_doc, reason = "a case fails by the violation that it finds, and its doc is the rule")]

mod clock;
mod cluster;
pub mod membership;
pub mod operations;
#[cfg(any(test, feature = "testing-rings"))]
pub mod ring;
pub mod store;

use std::fmt;

pub use clock::SetClock;
pub use cluster::Cluster;

/// Violation of a contract, found by a test case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(String);

/// Result of a test case.
pub type CaseResult = Result<(), Violation>;

impl Violation {
    /// Returns a violation with this description.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Violation {
    fn from(error: E) -> Self {
        Self(format!("a call failed: {error}"))
    }
}

/// Returns a violation with this description unless the condition holds.
pub fn ensure(holds: bool, what: impl fmt::Display) -> CaseResult {
    if holds { Ok(()) } else { Err(Violation(what.to_string())) }
}

/// Returns a violation that shows both values unless they are equal.
#[expect(clippy::needless_pass_by_value, reason = "cases compare values that they have just made")]
pub fn equal<T: PartialEq + fmt::Debug>(found: T, expected: T, what: &str) -> CaseResult {
    if found == expected { Ok(()) } else { Err(Violation(format!("{what}: found {found:?}, expected {expected:?}"))) }
}
