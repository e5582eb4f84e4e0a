//! What workers and control planes tell, turned into log lines, metrics, and the printed list.

mod control;
mod ledger;
mod narrate;
mod worker;

pub use control::ControlObserver;
pub use ledger::{Ledger, Redistribution, WorkerLoad, loads_of};
pub use narrate::{Gravity, Note, note};
pub use worker::WorkerObserver;
