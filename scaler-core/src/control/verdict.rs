//! Who is dead, decided by witnesses: the heartbeat in the membership, the ticks in the store, and the session with the store.
//!
//! A wrong verdict costs a move, never a double, so the thresholds may be bold.

use std::fmt;
use std::time::Duration;

use crate::MemberState;

/// When a worker counts as lost.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// A heartbeat older than this is stale.
    pub stale_after: Duration,
    /// How much later than it was due a tick may come before it counts as missed.
    pub tick_grace: Duration,
    /// Ticks missed, with a stale heartbeat too, after which a worker is dead.
    pub silent_ticks: u64,
    /// Ticks missed, in spite of a fresh heartbeat, after which a worker is cut off from the store.
    pub cut_off_ticks: u64,
    /// How long to hold when most of the slots fall silent at once.
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

/// What the membership says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// Heard this long ago.
    Heard(Duration),
    /// The membership can be read and does not know the worker.
    Absent,
    /// The membership cannot be read.
    Unknown,
}

/// What the store says of the worker's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// It is open.
    Open,
    /// It is gone.
    Gone,
    /// The store cannot tell.
    Unknown,
}

/// What the witnesses say of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The membership.
    pub heartbeat: Heartbeat,
    /// The state it last told.
    pub state: Option<MemberState>,
    /// How many ticks were due and did not come since its last one; `None` if it never ticked.
    pub missed: Option<u64>,
    /// Its session.
    pub session: Session,
}

/// How a worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It has not reached the store yet: it gets nothing.
    Starting,
    /// It works.
    Healthy,
    /// It ticks, but the membership does not hear it: it keeps what it has, and gets nothing new while others are heard.
    Unheard,
    /// It wants to leave: it works until others have taken over.
    Draining,
    /// It ticks, and the store lets nothing through that it writes: others take over, and it gets nothing until that is over.
    Barred,
    /// It lives but cannot reach the store: others take over, and it gets nothing until it ticks again.
    CutOff,
    /// It is dead or paused: others take over.
    Dead,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unheard => "unheard",
            Self::Draining => "draining",
            Self::Barred => "barred",
            Self::CutOff => "cut off",
            Self::Dead => "dead",
        })
    }
}

impl Verdict {
    /// Whether nobody can be expected to tick what the worker owns.
    #[must_use]
    pub const fn is_lost(self) -> bool {
        matches!(self, Self::CutOff | Self::Dead)
    }

    /// Whether the items of the worker are being incremented.
    #[must_use]
    pub const fn works(self) -> bool {
        !matches!(self, Self::Barred | Self::CutOff | Self::Dead)
    }
}

/// Judges one worker.
///
/// | heartbeat | ticks | verdict |
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
pub fn judge(evidence: &Evidence, thresholds: &Thresholds) -> Verdict {
    let missed = evidence.missed;
    if evidence.session == Session::Gone && missed.is_some_and(|missed| missed >= 1) {
        return Verdict::Dead;
    }
    let (fresh, limit, lost, well) = match evidence.heartbeat {
        Heartbeat::Heard(age) if age <= thresholds.stale_after => {
            (true, thresholds.cut_off_ticks, Verdict::CutOff, Verdict::Healthy)
        }
        Heartbeat::Heard(_) | Heartbeat::Absent => (false, thresholds.silent_ticks, Verdict::Dead, Verdict::Unheard),
        Heartbeat::Unknown => (false, thresholds.silent_ticks, Verdict::Dead, Verdict::Healthy),
    };
    match missed {
        None if fresh => Verdict::Starting,
        None => Verdict::Dead,
        Some(missed) if missed >= limit => lost,
        Some(_) if evidence.state == Some(MemberState::Draining) => Verdict::Draining,
        Some(_) if evidence.state == Some(MemberState::Barred) => Verdict::Barred,
        Some(_) => well,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Heartbeat = Heartbeat::Heard(Duration::from_secs(1));
    const STALE: Heartbeat = Heartbeat::Heard(Duration::from_secs(4));

    fn verdict(heartbeat: Heartbeat, missed: u64, session: Session, state: MemberState) -> Verdict {
        let evidence = Evidence { heartbeat, state: Some(state), missed: Some(missed), session };
        let thresholds = Thresholds { silent_ticks: 3, cut_off_ticks: 5, ..Thresholds::default() };
        judge(&evidence, &thresholds)
    }

    #[test]
    fn the_table_of_verdicts() {
        use Session::{Gone, Open, Unknown};
        for (heartbeat, missed, session, expected) in [
            (FRESH, 0, Open, Verdict::Healthy),
            (FRESH, 4, Open, Verdict::Healthy),
            (FRESH, 5, Open, Verdict::CutOff),
            (STALE, 0, Open, Verdict::Unheard),
            (Heartbeat::Absent, 2, Unknown, Verdict::Unheard),
            (STALE, 3, Open, Verdict::Dead),
            (Heartbeat::Absent, 3, Unknown, Verdict::Dead),
            (Heartbeat::Unknown, 2, Unknown, Verdict::Healthy),
            (Heartbeat::Unknown, 3, Unknown, Verdict::Dead),
            (FRESH, 0, Gone, Verdict::Healthy),
            (FRESH, 1, Gone, Verdict::Dead),
        ] {
            let found = verdict(heartbeat, missed, session, MemberState::Active);
            assert_eq!(found, expected, "{heartbeat:?}, {missed} missed, {session:?}");
        }
    }

    #[test]
    fn a_draining_worker_drains_until_it_is_lost() {
        for (heartbeat, missed, expected) in [
            (FRESH, 0, Verdict::Draining),
            (STALE, 0, Verdict::Draining),
            (Heartbeat::Unknown, 0, Verdict::Draining),
            (FRESH, 9, Verdict::CutOff),
            (STALE, 9, Verdict::Dead),
        ] {
            let found = verdict(heartbeat, missed, Session::Open, MemberState::Draining);
            assert_eq!(found, expected, "{heartbeat:?}, {missed} missed");
        }
    }

    #[test]
    fn who_never_ticked_gets_nothing() {
        let evidence = |heartbeat| Evidence { heartbeat, state: None, missed: None, session: Session::Unknown };
        assert_eq!(judge(&evidence(FRESH), &Thresholds::default()), Verdict::Starting);
        assert_eq!(judge(&evidence(STALE), &Thresholds::default()), Verdict::Dead);
    }
}
