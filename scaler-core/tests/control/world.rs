//! Workers and their slots, as a control plane observes them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scaler_core::control::{Change, ControlConfig, ControlPlane, Decision, Observation, Preview, Steering, preview};
use scaler_core::{
    Assignment, Incarnation, InstallationId, Member, MemberKey, MemberRecord, MemberState, SlotCount, SlotLoad, SlotRange,
    SlotState, Tick, WorkerId,
};
use uuid::Uuid;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn key(name: &str, life: u128) -> MemberKey {
    MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::from_u128(life)) }
}

/// A world that a control plane looks at, and that changes only as it is told.
pub(crate) struct World {
    pub(crate) plane: ControlPlane,
    pub(crate) now: Duration,
    /// Delay of the answer about the slots.
    pub(crate) delay: Duration,
    tick: u64,
    pub(crate) slots: Vec<SlotState>,
    pub(crate) members: Option<Vec<MemberRecord>>,
    pub(crate) sessions: Option<BTreeSet<Incarnation>>,
    pub(crate) load: SlotLoad,
    pub(crate) steering: Steering,
}

impl World {
    pub(crate) fn new(names: &[&str]) -> Self {
        let slots = SlotCount::new(256).unwrap();
        let mut world = Self {
            plane: ControlPlane::new(ControlConfig::default()),
            now: Duration::ZERO,
            delay: Duration::ZERO,
            tick: 100,
            slots: vec![SlotState::default(); slots.len()],
            members: Some(Vec::new()),
            sessions: None,
            load: SlotLoad::of_items(slots, slots.iter().map(|slot| (slot, 1))),
            steering: Steering::default(),
        };
        for name in names {
            world.heard(&key(name, 1), MemberState::Active);
        }
        world
    }

    /// A heartbeat comes from this member.
    pub(crate) fn heard(&mut self, key: &MemberKey, state: MemberState) {
        let member =
            Member { state, last_tick: Some(Tick(self.tick)), ..Member::joining(key.clone(), InstallationId::new(Uuid::nil())) };
        let members = self.members.as_mut().unwrap();
        members.retain(|record| record.member.key.worker != key.worker);
        members.push(MemberRecord { member, age: Duration::ZERO });
    }

    /// A second goes by, in which these incarnations tick, and those of them that are listed as members are heard.
    pub(crate) fn second(&mut self, alive: &[MemberKey]) {
        self.now += SECOND;
        self.tick += 1;
        for slot in &mut self.slots {
            if slot.owner.as_ref().is_some_and(|owner| alive.contains(owner)) {
                slot.last_tick = Tick(self.tick);
            }
        }
        for record in self.members.iter_mut().flatten() {
            if alive.contains(&record.member.key) {
                record.member.last_tick = Some(Tick(self.tick));
                record.age = Duration::ZERO;
            } else {
                record.age += SECOND;
            }
        }
    }

    fn assignment(&self) -> Assignment {
        Assignment {
            installation: InstallationId::new(Uuid::nil()),
            tick: Tick(self.tick),
            tick_length: SECOND,
            range: SlotRange::ALL,
            slots: self.slots.clone(),
            sessions: self.sessions.clone(),
        }
    }

    /// Returns the preview of this change, as a tool sees it that looks once.
    pub(crate) fn preview(&self, change: &Change) -> Preview {
        let assignment = self.assignment();
        let seen = Observation {
            assignment: &assignment,
            asked_at: Duration::ZERO,
            answered_at: Duration::ZERO,
            members: self.members.as_deref(),
            load: &self.load,
            steering: &self.steering,
        };
        preview(&ControlConfig::default(), &seen, change)
    }

    pub(crate) fn look(&mut self) -> Decision {
        let assignment = self.assignment();
        let (members, asked_at) = (self.members.as_deref(), self.now);
        self.now += self.delay;
        let seen = Observation {
            assignment: &assignment,
            asked_at,
            answered_at: self.now,
            members,
            load: &self.load,
            steering: &self.steering,
        };
        self.plane.step(self.now, &seen)
    }

    /// Makes the first `limit` transfers.
    pub(crate) fn commit(&mut self, decision: &Decision, limit: usize) {
        for transfer in decision.transfers.iter().take(limit) {
            let slot = &mut self.slots[transfer.slot.index()];
            assert_eq!(slot.epoch, transfer.epoch);
            slot.owner = Some(transfer.to.clone());
            slot.epoch = slot.epoch.next();
        }
    }

    /// Makes the first `limit` transfers, and lets the control plane know.
    pub(crate) fn commit_and_tell(&mut self, decision: &Decision, limit: usize) {
        self.commit(decision, limit);
        let moved: Vec<_> = decision.transfers.iter().take(limit).map(|transfer| transfer.slot).collect();
        self.plane.committed(&moved);
    }

    pub(crate) fn rebalance_load(&mut self) {
        let decision = self.look();
        self.commit(&decision, usize::MAX);
    }

    pub(crate) fn loads(&self) -> BTreeMap<String, usize> {
        let mut loads = BTreeMap::new();
        for owner in self.slots.iter().filter_map(|slot| slot.owner.as_ref()) {
            *loads.entry(owner.worker.to_string()).or_default() += 1;
        }
        loads
    }
}
