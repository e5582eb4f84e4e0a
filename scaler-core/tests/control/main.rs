//! The control plane as a pure function of what it observes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod barred;
mod causes;
mod debounce;
mod mass_failure;
mod moves;
mod preview;
mod wishes;
mod world;
