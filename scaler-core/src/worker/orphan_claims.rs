//! Claims of orphaned slots: made only while this worker ticks without a gap, and as often as the store tells that slots may be orphaned.

use std::time::Duration;

use super::WorkerEvent;
use super::recurring_call::RecurringCall;
use crate::episode::Episode;
use crate::{Claim, ORPHANED_AFTER_TICKS, StoreError, Tick, TickReport, uuid_hash};

/// Maximum wait before the next claim, so that an owner that falls silent just after a claim is detected by the next.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Schedule of claims, with jitter by worker, so that workers share the orphaned slots.
#[derive(Debug)]
pub(super) struct OrphanClaims {
    call: RecurringCall,
    /// Ticks that were answered without a gap; `None` after a gap.
    run: Option<Run>,
    interval: Duration,
    batch: usize,
    seed: u64,
    asked: u64,
    episode: Episode,
    unticked: usize,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    first: Tick,
    last: Tick,
    /// Time by which the next answer must arrive; later, there is a gap.
    ends_at: Duration,
}

impl OrphanClaims {
    /// Creates a schedule; `seed` makes the jitter differ between workers.
    pub(super) fn new(interval: Duration, batch: usize, seed: u64) -> Self {
        Self {
            call: RecurringCall::default(),
            run: None,
            interval,
            batch,
            seed,
            asked: 0,
            episode: Episode::default(),
            unticked: 0,
        }
    }

    /// Records that the store answered a tick call at `now`.
    pub(super) fn ticked(&mut self, now: Duration, report: &TickReport) {
        let ends_at = now + 2 * report.tick_length;
        let first = match self.run {
            Some(run) if now <= run.ends_at && report.tick.since(run.last) <= 1 => run.first,
            _ => report.tick,
        };
        self.run = Some(Run { first, last: report.tick, ends_at });
    }

    /// Returns true if a claim is due, and records it as sent.
    pub(super) fn send(&mut self, now: Duration) -> bool {
        self.run = self.run.filter(|run| now <= run.ends_at);
        self.is_witness() && self.call.send(now)
    }

    /// Returns the maximum number of slots to claim, and the first tick since which this worker has ticked without a gap.
    pub(super) fn question(&self) -> (usize, Tick) {
        (self.batch, self.run.map(|run| run.first).unwrap_or_default())
    }

    /// Returns the number of slots that no worker ticks, as of the last claim; 0 unless it was refused.
    pub(super) const fn unticked(&self) -> usize {
        self.unticked
    }

    /// Returns the time of the next claim; `None` while no claim may be made or one is in flight.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        (self.is_witness() && self.call.sent_at.is_none()).then_some(self.call.due_at)
    }

    /// Records the answer to a claim; returns an event if there is something to report.
    pub(super) fn answered(&mut self, now: Duration, answer: Result<Claim, StoreError>) -> Option<WorkerEvent> {
        self.call.answered(now);
        self.asked += 1;
        let wait = match &answer {
            Ok(Claim::NotYet { wait, .. }) => (*wait).min(LONGEST_WAIT) + self.jittered(self.interval / 2),
            // More slots may be orphaned: claim again soon, but give other workers a turn.
            Ok(Claim::Claimed { slots }) if *slots >= self.batch => self.jittered(self.interval / 20),
            Ok(Claim::Claimed { .. }) | Err(_) => self.jittered(self.interval),
        };
        self.call.next(now, now + wait);
        self.unticked = if let Ok(Claim::NotYet { unticked, .. }) = &answer { *unticked } else { 0 };
        match answer {
            Ok(claim) => {
                self.episode.recovered();
                let Claim::Claimed { slots } = claim else { return None };
                (slots > 0).then_some(WorkerEvent::Claimed { slots })
            }
            Err(error) => self.episode.failed(now, &error).then_some(WorkerEvent::ClaimFailed { error }),
        }
    }

    /// True if the worker has ticked without a gap for longer than [`ORPHANED_AFTER_TICKS`]. Otherwise it cannot tell silent owners from an
    /// outage of the store: after an outage, each owner has time to tick again before any worker claims its slots.
    fn is_witness(&self) -> bool {
        self.run.is_some_and(|run| run.last.since(run.first) > ORPHANED_AFTER_TICKS)
    }

    /// Returns a time between half of `time` and all of it.
    fn jittered(&self, time: Duration) -> Duration {
        let share = uuid_hash(uuid::Uuid::from_u64_pair(self.asked, 0), self.seed) % 1024;
        time / 2 + time * u32::try_from(share).unwrap_or(0) / 2048
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SlotCount;

    const SECOND: Duration = Duration::from_secs(1);

    fn claims() -> OrphanClaims {
        OrphanClaims::new(2 * SECOND, 10, 7)
    }

    fn report(tick: u64) -> TickReport {
        TickReport {
            installation: crate::InstallationId::new(uuid::Uuid::nil()),
            tick: Tick(tick),
            into_tick: Duration::ZERO,
            tick_length: SECOND,
            slots: SlotCount::DEFAULT,
            owned: 1,
            fence: 0,
            ticked: 1,
            left: 0,
            items: 1,
            digest: 0,
            locked: 0,
            refused: 0,
            refusal: None,
            took: Duration::ZERO,
        }
    }

    /// Returns claims after these ticks, each answered at once.
    fn ticked(ticks: impl IntoIterator<Item = u32>) -> OrphanClaims {
        let mut claims = claims();
        ticks.into_iter().for_each(|tick| claims.ticked(SECOND * tick, &report(tick.into())));
        claims
    }

    /// Returns the wait after this answer, in milliseconds.
    fn waits(answer: Result<Claim, StoreError>) -> u128 {
        let mut claims = ticked(1..=5);
        assert!(claims.send(SECOND * 5));
        claims.answered(SECOND * 5, answer);
        (claims.wake_at().unwrap() - SECOND * 5).as_millis()
    }

    #[test]
    fn only_a_worker_that_ticks_without_a_gap_claims() {
        assert!(!claims().send(SECOND), "it has not worked yet");
        assert!(!ticked(1..=4).send(SECOND * 4), "the others may still be coming back");
        assert!(ticked(1..=5).send(SECOND * 5));
        let mut gap = ticked([1, 2, 3, 4, 5, 5, 7]);
        assert!(!gap.send(SECOND * 7) && gap.wake_at().is_none(), "a tick went by without it");
        (8..=11).for_each(|tick| gap.ticked(SECOND * tick, &report(tick.into())));
        assert!(gap.send(SECOND * 11));
        assert!(!gap.send(SECOND * 11), "one question at a time");
    }

    #[test]
    fn after_a_gap_in_its_ticks_a_worker_claims_only_once_it_ticks_again() {
        let mut claims = ticked(1..=5);
        assert!(!claims.send(SECOND * 9) && claims.wake_at().is_none(), "and does not ask to be woken over and over");
        claims.ticked(SECOND * 9, &report(6));
        assert!(!claims.send(SECOND * 9), "a clock of the store that stood still is a gap too");
    }

    #[test]
    fn it_asks_when_it_may_be_time_and_soon_again_while_more_is_left() {
        let range = |waited: u128, least, most| assert!((least..=most).contains(&waited), "{waited} ms");
        range(waits(Ok(Claim::NotYet { wait: 12 * SECOND, unticked: 0 })), 12_500, 13_000);
        range(waits(Ok(Claim::NotYet { wait: 3600 * SECOND, unticked: 0 })), 15_500, 16_000);
        range(waits(Ok(Claim::Claimed { slots: 10 })), 50, 100);
        range(waits(Ok(Claim::Claimed { slots: 9 })), 1000, 2000);
        range(waits(Err(StoreError::Unavailable { during: "claim", source: "away".into() })), 1000, 2000);
    }

    #[test]
    fn failures_are_reported_once_per_episode_and_claims_each_time() {
        let mut claims = ticked(1..=5);
        let mut answer = |answer| claims.answered(SECOND, answer);
        let denied = || Err(StoreError::Denied { during: "claim", source: "no".into() });
        assert!(matches!(answer(denied()), Some(WorkerEvent::ClaimFailed { .. })));
        assert!(answer(denied()).is_none());
        assert!(matches!(answer(Ok(Claim::Claimed { slots: 3 })), Some(WorkerEvent::Claimed { slots: 3 })));
        assert!(answer(Ok(Claim::Claimed { slots: 0 })).is_none());
        assert!(matches!(answer(denied()), Some(WorkerEvent::ClaimFailed { .. })));
    }
}
