//! The whole system and its parts together, over the reference adapters and on virtual time: one file for each subject.

mod audit;
mod clock_jumps;
mod damping;
mod end_to_end;
mod exclusive;
mod hand_over;
mod installations;
mod leadership;
mod membership;
mod rollout;
