//! Failure detector: decides the phase of each member from its heartbeat, its ticks in the store, and its session with the store.
//!
//! A false suspicion costs a move and never causes a double tick, so the thresholds may be short.

use std::fmt;
use std::time::Duration;

use crate::MemberState;

/// Time-outs of the failure detector.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// Maximum age of a fresh heartbeat; an older one is stale.
    pub stale_after: Duration,
    /// Maximum delay of a tick, beyond the time it was due, before it counts as missed.
    pub tick_grace: Duration,
    /// Number of missed ticks after which a worker without a fresh heartbeat is dead.
    pub silent_ticks: u64,
    /// Number of missed ticks after which a worker with a fresh heartbeat is cut off from the store.
    pub cut_off_ticks: u64,
    /// Time for which the mass-failure guard pauses rebalancing when most of the slots become silent at once.
    pub hold_for: Duration,
}

impl Default for Thresholds {
    /// 3 s, 400 ms, 3 ticks, 3 ticks, 5 s.
    fn default() -> Self {
        Self {
            stale_after: Duration::from_secs(3),
            tick_grace: Duration::from_millis(400),
            silent_ticks: 3,
            cut_off_ticks: 3,
            hold_for: Duration::from_secs(5),
        }
    }
}

/// Heartbeat of a member, as read from the membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// Age of its last heartbeat.
    Heard(Duration),
    /// The membership can be read and does not list the worker.
    Absent,
    /// The membership cannot be read.
    Unknown,
}

/// Session of a worker with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// It is open.
    Open,
    /// It is gone.
    Gone,
    /// The store cannot tell.
    Unknown,
}

/// Input of the failure detector: all signals of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signals {
    /// Its heartbeat.
    pub heartbeat: Heartbeat,
    /// State that it last reported.
    pub state: Option<MemberState>,
    /// Number of ticks that were due since its last one and did not come; `None` if it never ticked.
    pub missed: Option<u64>,
    /// Its session with the store.
    pub session: Session,
}

/// Phase of a member, as the failure detector decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MemberPhase {
    /// It has not reached the store yet: it gets no slots.
    Starting,
    /// It works.
    Healthy,
    /// It ticks, but has no fresh heartbeat: it keeps its slots, and gets no new ones while other workers have fresh heartbeats.
    Unheard,
    /// It leaves: it works until others have taken over its slots.
    Draining,
    /// It ticks, but the store refuses all of its writes: others take over, and it gets no slots until that is over.
    Barred,
    /// It has a fresh heartbeat but cannot reach the store: others take over, and it gets no slots until it ticks again.
    CutOff,
    /// It is dead or paused: others take over.
    Dead,
}

impl fmt::Display for MemberPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl MemberPhase {
    /// All phases.
    pub const ALL: &'static [Self] =
        &[Self::Starting, Self::Healthy, Self::Unheard, Self::Draining, Self::Barred, Self::CutOff, Self::Dead];

    /// Returns the phase in words, as log lines and metrics show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unheard => "unheard",
            Self::Draining => "draining",
            Self::Barred => "barred",
            Self::CutOff => "cut off",
            Self::Dead => "dead",
        }
    }

    /// True if the worker is not expected to tick its slots any more.
    #[must_use]
    pub const fn is_lost(self) -> bool {
        matches!(self, Self::CutOff | Self::Dead)
    }

    /// True if the items of the worker are being incremented.
    #[must_use]
    pub const fn works(self) -> bool {
        !matches!(self, Self::Barred | Self::CutOff | Self::Dead)
    }
}

/// Returns the phase of one member.
///
/// | heartbeat | ticks | phase |
/// |---|---|---|
/// | any | one missed, and the session is gone | dead |
/// | fresh | never any | starting |
/// | fresh | `cut_off_ticks` missed | cut off |
/// | fresh | fresh | healthy, draining, or barred |
/// | stale or absent | `silent_ticks` missed | dead |
/// | stale or absent | fresh | unheard, draining, or barred |
/// | unknown | `silent_ticks` missed | dead |
/// | unknown | fresh | healthy, draining, or barred |
#[must_use]
pub fn phase_of(signals: &Signals, thresholds: &Thresholds) -> MemberPhase {
    let missed = signals.missed;
    if signals.session == Session::Gone && missed.is_some_and(|missed| missed >= 1) {
        return MemberPhase::Dead;
    }
    let (fresh, limit, lost, well) = match signals.heartbeat {
        Heartbeat::Heard(age) if age <= thresholds.stale_after => {
            (true, thresholds.cut_off_ticks, MemberPhase::CutOff, MemberPhase::Healthy)
        }
        Heartbeat::Heard(_) | Heartbeat::Absent => (false, thresholds.silent_ticks, MemberPhase::Dead, MemberPhase::Unheard),
        Heartbeat::Unknown => (false, thresholds.silent_ticks, MemberPhase::Dead, MemberPhase::Healthy),
    };
    match missed {
        None if fresh => MemberPhase::Starting,
        None => MemberPhase::Dead,
        Some(missed) if missed >= limit => lost,
        Some(_) if signals.state == Some(MemberState::Draining) => MemberPhase::Draining,
        Some(_) if signals.state == Some(MemberState::Barred) => MemberPhase::Barred,
        Some(_) => well,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Heartbeat = Heartbeat::Heard(Duration::from_secs(1));
    const STALE: Heartbeat = Heartbeat::Heard(Duration::from_secs(4));

    fn phase(heartbeat: Heartbeat, missed: u64, session: Session, state: MemberState) -> MemberPhase {
        let signals = Signals { heartbeat, state: Some(state), missed: Some(missed), session };
        let thresholds = Thresholds { silent_ticks: 3, cut_off_ticks: 5, ..Thresholds::default() };
        phase_of(&signals, &thresholds)
    }

    #[test]
    fn the_table_of_phases() {
        use Session::{Gone, Open, Unknown};
        for (heartbeat, missed, session, expected) in [
            (FRESH, 0, Open, MemberPhase::Healthy),
            (FRESH, 4, Open, MemberPhase::Healthy),
            (FRESH, 5, Open, MemberPhase::CutOff),
            (STALE, 0, Open, MemberPhase::Unheard),
            (Heartbeat::Absent, 2, Unknown, MemberPhase::Unheard),
            (STALE, 3, Open, MemberPhase::Dead),
            (Heartbeat::Absent, 3, Unknown, MemberPhase::Dead),
            (Heartbeat::Unknown, 2, Unknown, MemberPhase::Healthy),
            (Heartbeat::Unknown, 3, Unknown, MemberPhase::Dead),
            (FRESH, 0, Gone, MemberPhase::Healthy),
            (FRESH, 1, Gone, MemberPhase::Dead),
        ] {
            let found = phase(heartbeat, missed, session, MemberState::Active);
            assert_eq!(found, expected, "{heartbeat:?}, {missed} missed, {session:?}");
        }
    }

    #[test]
    fn a_draining_worker_drains_until_it_is_lost() {
        for (heartbeat, missed, expected) in [
            (FRESH, 0, MemberPhase::Draining),
            (STALE, 0, MemberPhase::Draining),
            (Heartbeat::Unknown, 0, MemberPhase::Draining),
            (FRESH, 9, MemberPhase::CutOff),
            (STALE, 9, MemberPhase::Dead),
        ] {
            let found = phase(heartbeat, missed, Session::Open, MemberState::Draining);
            assert_eq!(found, expected, "{heartbeat:?}, {missed} missed");
        }
    }

    #[test]
    fn a_worker_that_never_ticked_gets_no_slots() {
        let signals = |heartbeat| Signals { heartbeat, state: None, missed: None, session: Session::Unknown };
        assert_eq!(phase_of(&signals(FRESH), &Thresholds::default()), MemberPhase::Starting);
        assert_eq!(phase_of(&signals(STALE), &Thresholds::default()), MemberPhase::Dead);
    }
}
