//! Faults. Each sets up a scene, causes the fault, waits until the system has healed by itself, and measures.

pub mod control;
pub mod control_plane;
pub mod fleet;
pub mod hostile;
pub mod load;
pub mod page;
pub mod postgres;
pub mod redis;
pub mod refused;
pub mod secrets;
pub mod servers;
pub mod soak;
pub mod storms;
pub mod vanished;
pub mod workers;
