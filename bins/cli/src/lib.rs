//! The program `notifi-scaler`: tries the system in one process, and looks after one on real servers.

pub mod local;
pub mod removal;
mod table;
pub mod tool;
