//! The membership on a real Postgres.

mod conformance;
mod desk;
mod faults;
mod limits;
mod roles;
mod vanished;
