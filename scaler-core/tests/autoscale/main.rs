//! The autoscaler as a pure function of what it sees: its laws as properties, and named cases, in a small world of workers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cases;
mod driver;
mod laws;
mod system;
mod world;
