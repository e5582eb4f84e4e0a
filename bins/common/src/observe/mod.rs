//! Observers of workers and control planes: log lines, metrics, and the printed item list.

mod control;
mod ledger;
mod narrate;
mod worker;

pub use control::ControlObserver;
pub use ledger::{Ledger, Redistribution, WorkerLoad, loads_of};
pub use narrate::{Gravity, Note, note};
pub use worker::WorkerObserver;
