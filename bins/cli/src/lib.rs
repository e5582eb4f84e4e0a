//! The program `notifi-scaler`: tries the system in one process, and looks after one on real servers.

pub mod commands;
pub mod demo;
pub mod removal;
mod table;
