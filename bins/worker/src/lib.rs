//! The program `worker`: increments the items of the slots it owns, once a second, and prints which it watches.

mod config;
mod run;

pub use config::{TimingArgs, WorkerArgs};
pub use run::run;
