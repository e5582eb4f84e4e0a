//! The membership on a real Redis.
#![expect(clippy::unwrap_used, reason = "all of this is tests, their helpers too")]

mod conformance;
mod faults;
mod foreign;
mod help;
mod limited;
mod tls;
