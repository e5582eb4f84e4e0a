//! Claims of orphaned slots: made only while this worker ticks without a gap, and as often as the store tells that there may be orphans.

use std::time::Duration;

use super::WorkerEvent;
use super::recurring_call::RecurringCall;
use crate::episode::Episode;
use crate::{Claim, ORPHANED_AFTER_TICKS, StoreError, Tick, TickReport, uuid_hash};

/// The longest wait before the next question: an owner that falls silent just after one is found by the next.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Questions for orphans, each at a time that differs from worker to worker, so that they share what there is.
#[derive(Debug)]
pub(super) struct OrphanClaims {
    call: RecurringCall,
    /// The ticks that were answered without a gap.
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
    /// When the next answer must be there, or there is a gap.
    ends_at: Duration,
}

impl OrphanClaims {
    /// The seed tells the jitter of one worker from that of another.
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

    /// The store answered a call to tick at `now`.
    pub(super) fn ticked(&mut self, now: Duration, report: &TickReport) {
        let ends_at = now + 2 * report.tick_length;
        let first = match self.run {
            Some(run) if now <= run.ends_at && report.tick.since(run.last) <= 1 => run.first,
            _ => report.tick,
        };
        self.run = Some(Run { first, last: report.tick, ends_at });
    }

    /// Whether to ask now; it counts as asked then.
    pub(super) fn send(&mut self, now: Duration) -> bool {
        self.run = self.run.filter(|run| now <= run.ends_at);
        self.is_witness() && self.call.send(now)
    }

    /// How many slots to ask for at once, and since when this worker ticks without a gap.
    pub(super) fn question(&self) -> (usize, Tick) {
        (self.batch, self.run.map(|run| run.first).unwrap_or_default())
    }

    /// How many slots nobody ticked when it last asked in vain.
    pub(super) const fn unticked(&self) -> usize {
        self.unticked
    }

    /// When it wants to ask; `None` while it may not, or is asking.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        (self.is_witness() && self.call.sent_at.is_none()).then_some(self.call.due_at)
    }

    /// Takes in the answer; what there is to tell of it.
    pub(super) fn answered(&mut self, now: Duration, answer: Result<Claim, StoreError>) -> Option<WorkerEvent> {
        self.call.answered(now);
        self.asked += 1;
        let wait = match &answer {
            Ok(Claim::NotYet { wait, .. }) => (*wait).min(LONGEST_WAIT) + self.jittered(self.interval / 2),
            // More may be left: soon again, but after others had their turn.
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

    /// Who has not been answered for as many ticks as make an orphan cannot tell the others' silence from the store's own: after
    /// an outage, each has time to come back before anybody claims.
    fn is_witness(&self) -> bool {
        self.run.is_some_and(|run| run.last.since(run.first) > ORPHANED_AFTER_TICKS)
    }

    /// Between a half of this time and all of it.
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

    /// After ticks that were answered at once.
    fn ticked(ticks: impl IntoIterator<Item = u32>) -> OrphanClaims {
        let mut claims = claims();
        ticks.into_iter().for_each(|tick| claims.ticked(SECOND * tick, &report(tick.into())));
        claims
    }

    /// How long it waits after this answer, in milliseconds.
    fn waits(answer: Result<Claim, StoreError>) -> u128 {
        let mut claims = ticked(1..=5);
        assert!(claims.send(SECOND * 5));
        claims.answered(SECOND * 5, answer);
        (claims.wake_at().unwrap() - SECOND * 5).as_millis()
    }

    #[test]
    fn only_who_works_without_a_gap_asks() {
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
    fn who_was_not_answered_for_a_while_does_not_ask_before_it_works_again() {
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
    fn failures_are_told_when_they_begin_and_claims_each_time() {
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
