//! That the model is a model of something: what the reference store does to two slots, in random walks, is what the model's steps do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scaler_core::memory::MemoryStore;
use scaler_core::{
    Cause, Claim, Clock, Election, Epoch, Hearing, Incarnation, ItemId, LEADERLESS_AFTER, MemberKey, SlotCount, SlotRange, Term,
    Timing as StoreTiming, Transfer, WorkStore, WorkerId, slot_of, uuid_hash,
};
use uuid::Uuid;

use crate::state::{LEADERS, Leader, Lease, Life, MemberPhase, SLOTS, State, WORKERS};
use crate::step::{Answer, Step, Timing, sights, taken};

/// So long that the time until workers may claim makes no tick.
const TICK: Duration = Duration::from_secs(3600);
/// As many ticks of the store are one of the model that an owner which missed one of these is silent, and which missed none is not.
const TICKS_IN_ONE: u32 = 3;
const FOR_EVER: Duration = Duration::from_secs(1_000_000_000);
/// Owner of all slots outside the model.
const BYSTANDER: Life = Life { worker: 9, number: 0 };

/// A clock that is set by hand.
#[derive(Debug, Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// The store, and the model beside it.
pub(crate) struct Walk {
    clock: Arc<Hand>,
    store: MemoryStore,
    items: [ItemId; SLOTS],
    /// The terms that were granted, the first to a candidate outside the model.
    terms: Vec<Term>,
    model: State,
    seed: u64,
    drawn: u64,
    pub(crate) changes: usize,
}

impl Walk {
    pub(crate) async fn begin(seed: u64) -> Self {
        let clock = Arc::new(Hand::default());
        let count = SlotCount::new(256).unwrap();
        let store = MemoryStore::new(clock.clone(), count, TICK);
        let ids = (0_u128..).map(|n| ItemId::Uuid(Uuid::from_u128(n)));
        let item_of = |slot| ids.clone().find(|id| slot_of(id, count).index() == slot).unwrap();
        let items = [item_of(0), item_of(1)];
        items.iter().for_each(|item| assert!(store.insert(item.clone())));
        let term = store.campaign(Uuid::nil(), FOR_EVER, Hearing::Members).await.unwrap().unwrap();
        let transfer =
            |slot| Transfer { slot, epoch: Epoch(0), to: key(BYSTANDER), timing: StoreTiming::Now, cause: Cause::Rebalance };
        store.commit(&term, &count.iter().skip(SLOTS).map(transfer).collect::<Vec<_>>()).await.unwrap();
        store.resign(&term).await.unwrap();
        let mut walk = Self { clock, store, items, terms: vec![term], model: State::first(), seed, drawn: 0, changes: 0 };
        walk.advance(LEADERLESS_AFTER);
        walk
    }

    /// One random step, of both.
    pub(crate) async fn step(&mut self) {
        let mut step = self.any_step();
        let before = self.store.assignment().await.unwrap().slots;
        let did = self.carry_out(step).await;
        if let (true, Step::Claims { by, .. }) = (did, step) {
            // Which orphan it is, the store decides.
            let after = self.store.assignment().await.unwrap().slots;
            step = Step::Claims { by, slot: before.iter().zip(&after).position(|(before, after)| before != after).unwrap() };
        }
        match (did, taken(&self.model, step, None)) {
            (true, Some(next)) => self.model = next.state,
            (false, None) => {}
            // The store may know better: an owner that ticks another slot, or was just given this one, is silent by no means.
            (false, Some(_)) if matches!(step, Step::Claims { .. }) => {}
            (did, next) => panic!("seed {}: {step} was carried out: {did}; in the model: {next:?}", self.seed),
        }
        self.changes += usize::from(did);
        self.compare(step).await;
    }

    /// Returns true if the store applied the step.
    async fn carry_out(&mut self, step: Step) -> bool {
        match step {
            Step::TimeGoesBy => {
                let into = self.clock.now().as_secs() % TICK.as_secs();
                self.advance(TICK * TICKS_IN_ONE - Duration::from_secs(into));
                self.store.tick(&key(BYSTANDER), SlotRange::ALL).await.unwrap();
                if self.model.lease == Lease::Over {
                    self.model.lease = Lease::LongOver;
                }
                true
            }
            Step::Restarts { .. } | Step::Looks { .. } => true,
            Step::Ticks { by, slot, .. } => {
                let slot = u32::try_from(slot).unwrap();
                self.store.tick(&key(by), SlotRange::new(slot..slot + 1)).await.unwrap().ticked > 0
            }
            Step::Claims { by, .. } => {
                // The model has only claims without a leader.
                self.store.claim_orphans(&key(by), 1, scaler_core::Tick(u64::MAX)).await.unwrap() == Claim::Claimed { slots: 1 }
            }
            Step::LeaseEnds => {
                self.store.resign(self.terms.last().unwrap()).await.unwrap();
                true
            }
            Step::LongWithoutALeader => {
                self.advance(LEADERLESS_AFTER);
                true
            }
            Step::Campaigns { leader, .. } => {
                let term = self.store.campaign(Uuid::from_u128(leader as u128), FOR_EVER, Hearing::Members).await.unwrap();
                self.terms.extend(term);
                term.is_some()
            }
            Step::Renews { leader } => self.store.renew(&self.term_of(leader), FOR_EVER, Hearing::Members).await.unwrap(),
            Step::Commits { leader, slot, to, timing } => {
                let epoch = Epoch(self.model.leaders[leader].seen.unwrap()[slot].epoch.into());
                let timing = if timing == Timing::Now { StoreTiming::Now } else { StoreTiming::AfterTick };
                let slot = scaler_core::Slot::new(u32::try_from(slot).unwrap());
                let transfer = Transfer { slot, epoch, to: key(to), timing, cause: Cause::Rebalance };
                let outcome = self.store.commit(&self.term_of(leader), &[transfer]).await.unwrap();
                outcome == scaler_core::Outcome::Committed { moved: vec![slot], refused: vec![] }
            }
            Step::Adopts { by, .. } => self.store.adopt(&key(by)).await.unwrap().slots > 0,
            Step::Learns { .. } | Step::Forgets { .. } => true,
        }
    }

    /// A step that may be possible or not, but that the policy of a leader permits.
    fn any_step(&mut self) -> Step {
        let (leader, slot, worker) = (self.below(LEADERS), self.below(SLOTS), self.below(WORKERS) as u8);
        let by = Life { worker, number: self.below(usize::from(self.model.lives[usize::from(worker)]) + 1) as u8 };
        let Leader { term, seen } = self.model.leaders[leader];
        match self.below(16) {
            0 if self.model.tick < 60 => Step::TimeGoesBy,
            1 if self.model.lives[usize::from(worker)] < 2 => Step::Restarts { worker },
            2 if self.model.lease == Lease::Lasts => Step::LeaseEnds,
            3 if self.model.lease == Lease::Over => Step::LongWithoutALeader,
            4 => Step::Campaigns { leader, answer: Answer::Heard },
            5 if term > 0 => Step::Renews { leader },
            6 | 7 if term > 0 => {
                let seen = [0, 1].map(|slot| {
                    let sights = sights(&self.model.slots[slot], self.model.tick, None);
                    sights[self.below(sights.len())]
                });
                Step::Looks { leader, seen }
            }
            8..=11 if seen.is_some() => {
                let is_lost = seen.is_some_and(|seen| seen[slot].phase != MemberPhase::Well);
                let timing = if is_lost && self.below(2) == 0 { Timing::Now } else { Timing::AfterTick };
                Step::Commits { leader, slot, to: by, timing }
            }
            12 => Step::Claims { by, slot },
            13 if self.stands_under(worker) == [slot] => Step::Adopts { by, slot },
            _ => Step::Ticks { by, slot, begun_in: self.model.tick },
        }
    }

    /// The slots that stand under a name: adoption takes all of them at once, a step of the model one.
    fn stands_under(&self, worker: u8) -> Vec<usize> {
        let stands = |slot: &usize| self.model.slots[*slot].owner.is_some_and(|owner| owner.worker == worker);
        (0..SLOTS).filter(stands).collect()
    }

    async fn compare(&self, step: Step) {
        let slots = self.store.assignment().await.unwrap().slots;
        let rows = self.store.rows();
        for (number, slot) in self.model.slots.iter().enumerate() {
            let row = rows.iter().find(|row| row.id == self.items[number]).unwrap();
            let found = (slots[number].owner.clone(), slots[number].epoch.0, self.store.ticks_of(&row.id), row.value);
            let expected = (slot.owner.map(key), u64::from(slot.epoch), u64::from(slot.ticks), u64::from(slot.value));
            assert_eq!(found, expected, "seed {}: slot {number} after {step}", self.seed);
        }
    }

    /// The term that a leader believes to hold.
    fn term_of(&self, leader: usize) -> Term {
        self.terms[usize::from(self.model.leaders[leader].term)]
    }

    fn advance(&mut self, time: Duration) {
        self.clock.0.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    fn below(&mut self, limit: usize) -> usize {
        self.drawn += 1;
        usize::try_from(uuid_hash(Uuid::from_u64_pair(self.drawn, 0), self.seed) % limit as u64).unwrap()
    }
}

fn key(life: Life) -> MemberKey {
    let name = format!("worker-{}", life.worker);
    let incarnation = Uuid::from_u64_pair(life.worker.into(), u64::from(life.number) + 1);
    MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(incarnation) }
}
