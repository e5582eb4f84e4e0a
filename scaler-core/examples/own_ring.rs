//! A ring of one's own places the slots of three nodes in turn. Needs no server.
//!
//! ```sh
//! cargo run -p scaler-core --example own_ring
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use scaler_core::memory::MemoryStore;
use scaler_core::{
    BoxError, Evenness, Guarantees, Minimality, Move, Node, Plan, Reason, Ring, RingSource, Roster, Slot, SlotCount, SlotLoad,
    StalePlan, TokioClock, WorkStore, WorkerId,
};

/// Slot `n` belongs to worker `n % workers`, in the order of their names: simple, even, and with far more moves than needed.
#[derive(Debug)]
struct InTurn {
    roster: Roster,
    owners: Vec<Option<WorkerId>>,
}

impl Ring for InTurn {
    fn guarantees(&self) -> Guarantees {
        Guarantees::new(Minimality::Expected, Evenness::Bounded { percent: 0 })
    }

    fn slots(&self) -> SlotCount {
        u32::try_from(self.owners.len()).ok().and_then(|count| SlotCount::new(count).ok()).unwrap_or(SlotCount::DEFAULT)
    }

    fn roster(&self) -> &Roster {
        &self.roster
    }

    fn owner(&self, slot: Slot) -> Option<&WorkerId> {
        self.owners.get(slot.index())?.as_ref()
    }

    fn plan(&self, to: &Roster, load: &SlotLoad) -> Plan {
        let names: Vec<_> = to.iter().map(|(worker, _)| worker).collect();
        let wanted = self.slots().iter().zip(names.iter().cycle());
        let moves = wanted.filter(|(slot, worker)| self.owner(*slot) != Some(worker)).map(|(slot, worker)| {
            let from = self.owner(slot).cloned();
            let why = if from.is_none() { Reason::Unowned } else { Reason::Rule };
            Move { slot, from, to: (*worker).clone(), why }
        });
        Plan::new(to.clone(), moves.collect(), load)
    }

    fn rebalance_load(&self, load: &SlotLoad, _tolerance: f64) -> Plan {
        Plan::new(self.roster.clone(), Vec::new(), load)
    }

    fn apply(&mut self, plan: &Plan) -> Result<(), StalePlan> {
        for Move { slot, from, .. } in plan.moves() {
            let found = self.owners[slot.index()].clone();
            if found != *from {
                return Err(StalePlan { slot: *slot, planned: from.clone(), found });
            }
        }
        for Move { slot, to, .. } in plan.moves() {
            self.owners[slot.index()] = Some(to.clone());
        }
        self.roster = plan.roster().clone();
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let second = Duration::from_secs(1);
    let store = Arc::new(MemoryStore::new(Arc::new(TokioClock::start()), SlotCount::new(256)?, second));
    let ring = RingSource::new("in turn", |_, roster, owners| Box::new(InTurn { roster, owners }));
    let node = |name| Node::builder_on(store.clone()).name(name).ring(ring.clone()).run_until(tokio::time::sleep(6 * second));
    let show = async {
        tokio::time::sleep(4 * second).await;
        let slots = store.assignment().await?.slots;
        for (slot, state) in (0..6).zip(slots) {
            println!("slot {slot}: {}", state.owner.map_or("nobody".to_owned(), |owner| owner.worker.to_string()));
        }
        Ok::<_, BoxError>(())
    };
    let (a, b, c, shown) = tokio::join!(node("a"), node("b"), node("c"), show);
    a?;
    b?;
    c?;
    shown?;
    Ok(())
}
