//! A whole system on virtual time: servers, processes, and what befalls them.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use scaler_core::control::{self, ControlConfig};
use scaler_core::memory::{MemoryMembership, MemoryStore};
use scaler_core::testing::SetClock;
use scaler_core::worker::{self, Ending, Worker, WorkerConfig};
use scaler_core::{
    Clock, Incarnation, ItemId, MemberKey, Membership, Slot, SlotCount, TokioClock, Weight, Wish, Wishes, WorkerId,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::chance::Chance;
use crate::link::Link;
use crate::linked::Linked;
use crate::mutants::{Broken, Fault};
use crate::record::{Call, Record, Transparent};

const SECOND: Duration = Duration::from_secs(1);
/// Control planes there are, if nothing befalls them.
const CONTROL_PLANES: usize = 2;

pub(crate) struct World {
    pub(crate) chance: Arc<Chance>,
    clock: Arc<dyn Clock>,
    /// That of the store.
    store_clock: Arc<SetClock>,
    memory: Arc<MemoryStore>,
    pub(crate) record: Arc<Record>,
    membership: Arc<MemoryMembership>,
    workers: BTreeMap<String, Process<Ending>>,
    control_planes: Vec<Process<()>>,
    lives: u128,
    names: u32,
}

/// A process and its links: to the store and to the membership.
struct Process<T> {
    store: Arc<Link>,
    membership: Arc<Link>,
    /// The id with which it campaigns; nil, if it is a worker.
    candidate: Uuid,
    drain: Option<oneshot::Sender<()>>,
    task: JoinHandle<T>,
}

impl<T> Drop for Process<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    /// Two control planes, three workers and some items; broken as is said.
    pub(crate) async fn begin(seed: u64, fault: Option<Fault>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let store_clock = Arc::new(SetClock::new(clock.clone()));
        let memory = Arc::new(MemoryStore::new(store_clock.clone(), SlotCount::new(256).unwrap(), SECOND));
        let store: Arc<dyn Transparent> = match fault {
            Some(fault) => Arc::new(Broken::new(memory.clone(), fault)),
            None => memory.clone(),
        };
        let mut world = Self {
            chance: Arc::new(Chance::new(seed)),
            record: Arc::new(Record::new(store)),
            membership: Arc::new(MemoryMembership::new(clock.clone())),
            memory,
            clock,
            store_clock,
            workers: BTreeMap::new(),
            control_planes: Vec::new(),
            lives: 0,
            names: 0,
        };
        world.insert(20).await;
        (0..CONTROL_PLANES).for_each(|_| world.control_plane_comes());
        (0..3).for_each(|_| world.worker_comes());
        world
    }

    /// Time goes by.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// All that failed works again, and there are a worker and control planes.
    pub(crate) async fn heal(&mut self) {
        self.accept_all().await;
        for recorded in Wishes::wishes(&*self.memory).await.unwrap() {
            self.memory.withdraw(&recorded.wish.subject(), "the simulation").await.unwrap();
        }
        self.workers.retain(|_, worker| !worker.task.is_finished());
        let workers = self.workers.values().flat_map(|worker| [&worker.store, &worker.membership]);
        let control_planes = self.control_planes.iter().flat_map(|plane| [&plane.store, &plane.membership]);
        workers.chain(control_planes).for_each(|link| link.heal());
        while self.control_planes.len() < CONTROL_PLANES {
            self.control_plane_comes();
        }
        // Who drains will be gone before all has converged.
        if self.workers.values().filter(|worker| worker.drain.is_some()).count() < 2 {
            self.worker_comes();
            self.worker_comes();
        }
    }

    /// Something befalls the membership or the way to it.
    pub(crate) async fn membership_suffers(&mut self) {
        let time = self.chance.up_to(8 * SECOND);
        match self.chance.below(4) {
            0 => _ = self.membership.sweep(Duration::ZERO).await,
            1 => self.all_memberships().iter().for_each(|link| link.cut(time)),
            2 => self.all_memberships().iter().for_each(|link| link.storm(time)),
            _ => {
                let links = self.all_memberships();
                self.chance.pick(&links).iter().for_each(|link| link.cut(time));
            }
        }
    }

    /// Injects a random fault.
    pub(crate) async fn suffer(&mut self) {
        let time = self.chance.up_to(10 * SECOND);
        let names: Vec<String> = self.workers.keys().cloned().collect();
        let name = self.chance.pick(&names).cloned().unwrap_or_default();
        match self.chance.below(22) {
            0 | 1 => _ = self.workers.remove(&name),
            2 | 3 => self.worker_comes(),
            4 => self.worker_restarts(&name),
            5 => self.worker_drains(&name),
            6 | 7 => self.worker_pauses(&name, time),
            8 => self.workers.get(&name).iter().for_each(|worker| worker.store.cut(time)),
            9 => self.workers.values().for_each(|worker| worker.store.storm(time)),
            10 => self.control_plane_dies(),
            11 => self.control_plane_pauses(time),
            12 => self.control_planes.iter().for_each(|plane| plane.store.storm(time)),
            13 => self.insert(5).await,
            14 => self.remove().await,
            15 => self.control_planes_die(),
            16 => self.store_clock_jumps(),
            17 => self.items_are_refused(3).await,
            18 => self.a_worker_is_refused(&name).await,
            19 | 20 => self.an_operator_wishes(&name).await,
            _ => self.membership_suffers().await,
        }
    }

    /// The store refuses every change of some items, at most so many.
    pub(crate) async fn items_are_refused(&mut self, most: u64) {
        for _ in 0..=self.chance.below(most) {
            if let Some(row) = self.chance.pick(&self.memory.rows()) {
                self.memory.refuse(row.id.clone(), "the simulation refuses it");
            }
        }
        self.record.step(Call::Items).await;
    }

    /// The store refuses every change of each item that one of the workers owns now.
    pub(crate) async fn all_items_of_a_worker_are_refused(&mut self) {
        let snapshot = self.record.snapshot();
        let owners: Vec<_> = snapshot.rows.keys().filter_map(|item| snapshot.owner(item)).collect();
        let Some(owner) = self.chance.pick(&owners) else { return };
        let its_own = snapshot.rows.keys().filter(|item| snapshot.owner(item) == Some(owner));
        its_own.for_each(|item| self.memory.refuse(item.clone(), "the simulation refuses it"));
        self.record.step(Call::Items).await;
    }

    /// The store refuses all that this worker writes.
    pub(crate) async fn a_worker_is_refused(&mut self, name: &str) {
        if let Ok(worker) = WorkerId::new(name) {
            self.memory.refuse_worker(worker, "the simulation refuses this name");
            self.record.step(Call::Items).await;
        }
    }

    /// As [`a_worker_is_refused`](Self::a_worker_is_refused), one of those that run; its name.
    pub(crate) async fn any_worker_is_refused(&mut self) -> WorkerId {
        let names: Vec<String> = self.workers.keys().cloned().collect();
        let name = self.chance.pick(&names).cloned().unwrap();
        self.a_worker_is_refused(&name).await;
        WorkerId::new(name).unwrap()
    }

    /// An operator makes a wish, about this worker if it is about one.
    async fn an_operator_wishes(&mut self, name: &str) {
        let Ok(worker) = WorkerId::new(name) else { return };
        let number = |below| u32::try_from(self.chance.below(below)).unwrap();
        let wish = match self.chance.below(5) {
            0 => Wish::Pause,
            1 => Wish::Cordon(worker),
            2 => Wish::Drain(worker),
            3 => Wish::Weigh(worker, Weight::new(1 + number(4)).unwrap()),
            _ => Wish::Pin(Slot::new(number(256)), worker),
        };
        self.memory.wish(&wish, "the simulation", "").await.unwrap();
    }

    /// The store refuses nothing any more.
    pub(crate) async fn accept_all(&mut self) {
        self.memory.accept_all();
        self.record.step(Call::Items).await;
    }

    /// No control plane is left, and none comes before all is healed.
    pub(crate) fn control_planes_die(&mut self) {
        self.control_planes.clear();
    }

    /// The leader no longer hears the members, for good; the other control planes neither, if `all`.
    pub(crate) fn the_leader_falls_deaf(&self, all: bool) {
        let leader = self.record.leader();
        let deaf = self.control_planes.iter().filter(|plane| all || Some(plane.candidate) == leader);
        deaf.for_each(|plane| plane.membership.cut(3600 * SECOND));
    }

    /// A worker joins, and all that were there before leave or die at once: where they die one after the other, the leader gives what the
    /// first had to those who follow, and the time until workers claim counts from the last of them.
    pub(crate) async fn the_workers_are_replaced(&mut self) {
        let before: Vec<String> = self.workers.keys().cloned().collect();
        self.worker_comes();
        self.pass(self.chance.up_to(20 * SECOND)).await;
        for name in before {
            if self.chance.percent(50) {
                self.worker_drains(&name);
            } else {
                self.workers.remove(&name);
            }
        }
    }

    /// One of the workers is killed.
    pub(crate) fn worker_dies(&mut self) {
        let names: Vec<String> = self.workers.keys().cloned().collect();
        self.chance.pick(&names).iter().for_each(|name| drop(self.workers.remove(*name)));
    }

    fn worker_comes(&mut self) {
        self.names += 1;
        self.worker_of_name(format!("w{}", self.names));
    }

    /// A new life under the same name; the old one is still there, unless it has died.
    fn worker_restarts(&mut self, name: &str) {
        if !name.is_empty() {
            self.worker_of_name(name.to_owned());
        }
    }

    fn worker_of_name(&mut self, name: String) {
        let key = MemberKey { worker: WorkerId::new(name.clone()).unwrap(), incarnation: Incarnation::new(self.life()) };
        let (store_link, membership_link) = (self.link(), self.link());
        let store = Arc::new(Linked { link: store_link.clone(), server: self.record.clone() });
        let membership = Arc::new(Linked { link: membership_link.clone(), server: self.membership.clone() });
        let (drain, drained) = oneshot::channel();
        let asked = async {
            if drained.await.is_err() {
                pending::<()>().await;
            }
        };
        let state = Worker::new(WorkerConfig { drain_timeout: 8 * SECOND, ..WorkerConfig::new(key) });
        let task = tokio::spawn(worker::run(state, store, membership, self.clock.clone(), asked, |_| {}));
        self.workers.insert(
            name,
            Process { store: store_link, membership: membership_link, candidate: Uuid::nil(), drain: Some(drain), task },
        );
    }

    fn worker_drains(&mut self, name: &str) {
        if let Some(drain) = self.workers.get_mut(name).and_then(|worker| worker.drain.take()) {
            // It may have ended by itself.
            let _ = drain.send(());
        }
    }

    fn worker_pauses(&self, name: &str, time: Duration) {
        if let Some(worker) = self.workers.get(name) {
            worker.store.pause(time);
            worker.membership.pause(time);
        }
    }

    fn control_plane_comes(&mut self) {
        let (store_link, membership_link) = (self.link(), self.link());
        let store = Arc::new(Linked { link: store_link.clone(), server: self.record.clone() });
        let membership = Arc::new(Linked { link: membership_link.clone(), server: self.membership.clone() });
        let candidate = self.life();
        let run = control::run(ControlConfig::default(), candidate, store, membership, self.clock.clone(), pending(), |_| {});
        let process = Process { store: store_link, membership: membership_link, candidate, drain: None, task: tokio::spawn(run) };
        self.control_planes.push(process);
    }

    fn control_plane_dies(&mut self) {
        let place = usize::try_from(self.chance.below(self.control_planes.len() as u64)).unwrap();
        if place < self.control_planes.len() {
            self.control_planes.remove(place);
            self.control_plane_comes();
        }
    }

    fn control_plane_pauses(&self, time: Duration) {
        if let Some(plane) = self.chance.pick(&self.control_planes) {
            plane.store.pause(time);
            plane.membership.pause(time);
        }
    }

    /// By half a minute at most, back or ahead.
    fn store_clock_jumps(&self) {
        let by_ms = self.chance.below(60_001).cast_signed() - 30_000;
        self.store_clock.set_ahead(by_ms);
    }

    async fn insert(&mut self, count: u128) {
        for _ in 0..count {
            let id = self.life().as_u128().wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            self.memory.insert(ItemId::Uuid(Uuid::from_u128(id)));
        }
        self.record.step(Call::Items).await;
    }

    async fn remove(&mut self) {
        if let Some(row) = self.chance.pick(&self.memory.rows()) {
            self.memory.remove(&row.id);
            self.record.step(Call::Items).await;
        }
    }

    fn all_memberships(&self) -> Vec<Arc<Link>> {
        let workers = self.workers.values().map(|worker| worker.membership.clone());
        workers.chain(self.control_planes.iter().map(|plane| plane.membership.clone())).collect()
    }

    fn link(&self) -> Arc<Link> {
        Arc::new(Link::new(self.chance.clone(), self.clock.clone()))
    }

    fn life(&mut self) -> Uuid {
        self.lives += 1;
        Uuid::from_u128(self.lives)
    }
}
