//! Knowledge of the leader beyond the view, for explanations.

use std::collections::BTreeMap;
use std::time::Duration;

use scaler_core::WorkerId;
use scaler_core::control::{MemberPhase, Waiting};

/// Knowledge of the leader beyond the view, for explanations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// Phase of each worker.
    pub phases: BTreeMap<WorkerId, MemberPhase>,
    /// Workers without their share of the slots, each with the reason.
    pub waiting: BTreeMap<WorkerId, Waiting>,
    /// Number of planned moves that are not committed yet.
    pub pending: usize,
    /// Mass-failure guard that pauses rebalancing: the number of silent slots, and the time since which it does.
    pub held: Option<(usize, Duration)>,
}
