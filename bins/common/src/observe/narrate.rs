//! Log texts for the events of a control plane.

use scaler_core::control::{ControlEvent, MemberPhase, StalledRollout};
use scaler_core::{InstallationId, Member, RecordedWish, WorkerId};

use super::{Ledger, Redistribution};
use crate::text::soon;

/// Severity of a log entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gravity {
    /// Information about normal operation.
    Plain,
    /// Warning that an operator may want to see.
    Grave,
}

/// Log entry for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Severity and text.
    Said(Gravity, String),
    /// A rebalance.
    Redistributes(Redistribution),
}

/// Returns the log entry for an event; `None` if there is none. Updates the ledger, which must see all events in this way; the caller
/// records commits in it.
pub fn note(event: &ControlEvent<'_>, ledger: &mut Ledger) -> Option<Note> {
    let plain = |text: String| Some(Note::Said(Gravity::Plain, text));
    let grave = |text: String| Some(Note::Said(Gravity::Grave, text));
    match event {
        ControlEvent::Elected { term, installation } => plain(format!("elected leader: installation {installation}, {term}")),
        ControlEvent::Deposed(term) => plain(format!("no longer the leader: {term} has ended")),
        ControlEvent::GaveUp { failing_for, campaigns_in } => grave(format!(
            "resigning leadership: no turn has succeeded for {:.1} s; another control plane can be elected, this one campaigns again {}",
            failing_for.as_secs_f64(),
            soon(*campaigns_in)
        )),
        ControlEvent::Strangers([]) => plain("members of other installations no longer share this Redis key".to_owned()),
        ControlEvent::Strangers(strangers) => grave(strangers_text(strangers)),
        ControlEvent::InstallationChanged { before, now } => grave(installation_changed(*before, *now)),
        ControlEvent::RolloutStalled(StalledRollout { older, since }) => grave(format!(
            "the rollout makes no progress: {older} workers of older revisions for {} s; slots are now assigned to workers of all revisions \
             alike; check the rollout",
            since.as_secs()
        )),
        ControlEvent::Following => plain("another control plane leads; this one is a standby".to_owned()),
        ControlEvent::Scanned { assignment, load } => {
            ledger.scanned(assignment, load);
            None
        }
        ControlEvent::PhaseChanged { worker, before, now } => {
            ledger.phase_changed(worker, *now);
            let text = format!("worker phase changed: {worker}: {} -> {}", word(*before, "new"), word(*now, "gone"));
            if now.is_some_and(MemberPhase::is_lost) { grave(text) } else { plain(text) }
        }
        ControlEvent::RebalancePaused { silent, owned } => grave(format!(
            "rebalancing paused by the mass-failure guard: {silent} of {owned} owned slots became silent at once; check Postgres \
                 and the network"
        )),
        ControlEvent::RebalanceResumed => plain("rebalancing resumed".to_owned()),
        ControlEvent::Planned(plan) => Some(Note::Redistributes(ledger.planned(plan))),
        ControlEvent::ClockFell { by } => grave(format!(
            "the clock of Postgres is {} s behind the last tick; ticks continue from the last one; check the time \
                 synchronization of its host",
            by.as_secs_f64()
        )),
        ControlEvent::Swept(workers) => {
            let names: Vec<_> = workers.iter().map(WorkerId::as_str).collect();
            plain(format!("removed members without heartbeats from Redis: {}", names.join(", ")))
        }
        ControlEvent::StoreFailed { error, retry_in } => {
            grave(format!("a call to Postgres failed: {error}; retrying {}", soon(*retry_in)))
        }
        ControlEvent::StoreBack => plain("calls to Postgres succeed again".to_owned()),
        ControlEvent::MembershipFailed { error, retry_in } => grave(format!(
            "cannot read the members: {error}; the failure detector uses only ticks and sessions; retrying {}",
            soon(*retry_in)
        )),
        // Each leader reads them first, and mostly there are none.
        ControlEvent::WishesChanged(wishes) if !ledger.wishes_changed(wishes) => None,
        ControlEvent::WishesChanged([]) => plain("operators ask for nothing any more".to_owned()),
        ControlEvent::WishesChanged(wishes) => plain(wishes_text(wishes)),
        ControlEvent::EventsNotAppended(error) => grave(format!(
            "events cannot be kept in the log: {error}; up to 1,000 wait, and these lines have them all; retrying in 1 s"
        )),
        ControlEvent::MembershipBack => plain("the members can be read from Redis again".to_owned()),
        _ => None,
    }
}

/// Returns the warning that the installation of the database has changed.
pub(super) fn installation_changed(before: InstallationId, now: InstallationId) -> String {
    format!(
        "the installation id of the database has changed from {before} to {now}: if the database was not replaced on purpose, its data \
         may be lost; check its volume, and the address that the programs use"
    )
}

/// Returns the warning about members of other installations, which names the first of them.
fn strangers_text(strangers: &[Member]) -> String {
    const NAMED: usize = 10;
    let name = |member: &Member| format!("{} (installation {})", member.key.worker, member.installation);
    let named = strangers.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
    let more = strangers.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "members of other installations share this Redis key and are given no slots: {named}{more}; give each installation its own \
         REDIS_KEY or Redis, or correct the database address of these workers"
    )
}

/// Returns the wishes of operators in one line, the first of them by name.
fn wishes_text(wishes: &[RecordedWish]) -> String {
    const NAMED: usize = 10;
    let wish = |recorded: &RecordedWish| format!("{} (by {})", recorded.wish, recorded.by);
    let named = wishes.iter().take(NAMED).map(wish).collect::<Vec<_>>().join(", ");
    match wishes.len().saturating_sub(NAMED) {
        0 => format!("operators ask: {named}"),
        more => format!("operators ask: {named}, and {more} more"),
    }
}

fn word(phase: Option<MemberPhase>, none: &str) -> String {
    phase.map_or(none.to_owned(), |phase| phase.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scaler_core::{MembershipError, StoreError};

    use super::*;

    fn said(event: &ControlEvent<'_>) -> (Gravity, String) {
        match note(event, &mut Ledger::default()) {
            Some(Note::Said(gravity, text)) => (gravity, text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failure_names_the_call_the_target_the_reason_and_the_retry() {
        let error =
            StoreError::Unavailable { during: "assignment", source: "Postgres at db:5432/work: connection refused".into() };
        let (gravity, text) = said(&ControlEvent::StoreFailed { error, retry_in: Duration::from_millis(500) });
        assert_eq!(gravity, Gravity::Grave);
        assert_eq!(
            text,
            "a call to Postgres failed: assignment: the store is unavailable: Postgres at db:5432/work: connection refused; retrying in 500 ms"
        );
        let error = MembershipError::Unavailable { during: "members", source: "redis://cache: connection refused".into() };
        let (_, text) = said(&ControlEvent::MembershipFailed { error, retry_in: Duration::from_millis(500) });
        assert!(text.ends_with("uses only ticks and sessions; retrying in 500 ms"), "{text}");
    }

    #[test]
    fn wishes_are_told_with_their_operators() {
        let pause =
            RecordedWish { wish: scaler_core::Wish::Pause, by: "alice".to_owned(), note: String::new(), since: Duration::ZERO };
        let (gravity, text) = said(&ControlEvent::WishesChanged(&[pause]));
        assert_eq!((gravity, text.as_str()), (Gravity::Plain, "operators ask: rebalancing is paused (by alice)"));
        let error = StoreError::Denied { during: "append events", source: "permission denied for table event".into() };
        let (gravity, text) = said(&ControlEvent::EventsNotAppended(error));
        assert!(gravity == Gravity::Grave && text.contains("permission denied"), "{text}");
    }

    #[test]
    fn a_lost_worker_is_a_warning_and_a_new_one_is_not() {
        let worker = WorkerId::new("worker-1").unwrap();
        let judged = |before, now| said(&ControlEvent::PhaseChanged { worker: &worker, before, now });
        assert_eq!(
            judged(None, Some(MemberPhase::Healthy)),
            (Gravity::Plain, "worker phase changed: worker-1: new -> healthy".to_owned())
        );
        assert_eq!(
            judged(Some(MemberPhase::Healthy), Some(MemberPhase::Dead)),
            (Gravity::Grave, "worker phase changed: worker-1: healthy -> dead".to_owned())
        );
        assert_eq!(
            judged(Some(MemberPhase::Dead), None),
            (Gravity::Plain, "worker phase changed: worker-1: dead -> gone".to_owned())
        );
    }
}
