//! Text forms of members and wake-up notifications, for memberships that keep them outside the process (feature `wire`).
//!
//! They are the same in all adapters, and one version reads what another wrote: unknown fields are ignored.

mod member;
mod wake_up;

pub use member::{read_member, write_member};
pub use wake_up::{read_wake_up, write_wake_up};
