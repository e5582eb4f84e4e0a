//! The membership on a real Redis.
#![expect(clippy::unwrap_used, reason = "all of this is tests, their helpers too")]
#![expect(clippy::disallowed_methods, reason = "it measures, by the clock of the machine")]
#![expect(clippy::print_stdout, reason = "tests print what they measured")]

mod conformance;
mod faults;
mod foreign;
mod help;
mod limited;
mod resharding;
mod secrets;
mod sessions;
mod tls;
mod topologies;
mod vanished;
