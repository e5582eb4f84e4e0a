//! The program `notifi-scaler`: demonstrates the system in one process, and operates one on real servers.

pub mod commands;
pub mod demo;
mod output;
pub mod removal;
mod table;
