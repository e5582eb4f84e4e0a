//! The store on a real Postgres.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "it measures, by the clock of the machine")]

mod attack;
mod audit;
mod clock;
mod conformance;
mod digest;
mod failover;
mod first_tick;
mod group_desk;
mod groups;
mod guards;
mod hash;
mod install;
mod language;
mod leader;
mod membership;
mod node;
mod optimize;
mod oracle;
mod places;
mod refused;
mod role_desk;
mod roles;
mod stuck;
mod support;
mod vanished;
