//! The program `worker`: increments the items of the slots it owns once a second, and prints their ids.

mod config;
mod run;

pub use config::{TimingArgs, WorkerArgs};
pub use run::run;
