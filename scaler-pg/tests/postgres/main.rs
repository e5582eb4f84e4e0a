//! The store on a real Postgres.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test may panic, and tells its numbers")]

mod conformance;
mod guards;
mod hash;
mod install;
mod oracle;
mod support;
