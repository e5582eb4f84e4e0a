//! The three programs as processes, on a real Postgres and a real Redis, watched by an oracle that does not trust them.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "it measures, by the clock of the machine")]

mod audit;
mod configuration;
mod demo;
mod doctor;
mod explain;
mod failover;
mod faults;
mod fleet;
mod groups;
mod ipv6;
mod kubernetes;
mod kubernetes_secrets;
mod membership;
mod oracle;
mod page;
mod programs;
mod refused;
mod retirement;
mod roles;
mod scaling;
mod secrets;
mod sharing;
mod steering;
mod system;
mod tls;
mod waiting;
