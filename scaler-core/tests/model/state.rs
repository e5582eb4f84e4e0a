//! State of the model, small enough to be encoded in one number.

/// Workers of the model.
pub(crate) const WORKERS: usize = 3;
/// Slots of the model, with one item each.
pub(crate) const SLOTS: usize = 2;
/// Control planes of the model.
pub(crate) const LEADERS: usize = 2;

/// One life of a worker, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) worker: u8,
    pub(crate) number: u8,
}

/// A slot, and the item in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) owner: Option<Life>,
    pub(crate) epoch: u8,
    pub(crate) last_tick: u8,
    /// Number of its ticks.
    pub(crate) ticks: u8,
    /// The item's value.
    pub(crate) value: u8,
    /// The tick in whose name the item was last incremented.
    pub(crate) incremented_in: u8,
}

/// State of leadership according to the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lease {
    #[default]
    Lasts,
    Over,
    /// For so long that workers may help themselves.
    LongOver,
}

/// State of a slot's owner when a leader looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberPhase {
    Well,
    Lost,
    /// Taken for lost, though it ticks.
    LostWhileItTicks,
}

/// A leader's view of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) epoch: u8,
    pub(crate) phase: MemberPhase,
}

/// A control plane: the term that it believes to hold, 0 for none, and what it saw when it last looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) term: u8,
    pub(crate) seen: Option<[Sight; SLOTS]>,
}

/// All there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The present tick.
    pub(crate) tick: u8,
    pub(crate) slots: [Slot; SLOTS],
    /// The latest term, 0 before the first.
    pub(crate) term: u8,
    pub(crate) lease: Lease,
    pub(crate) leaders: [Leader; LEADERS],
    /// The number of each worker's present life.
    pub(crate) lives: [u8; WORKERS],
    /// The slots that each worker was last told to own: nothing but a broken tick asks for that.
    pub(crate) believed: [[bool; SLOTS]; WORKERS],
}

impl State {
    /// The initial state: no owner and no leader.
    pub(crate) fn first() -> Self {
        Self {
            tick: 1,
            slots: [Slot::default(); SLOTS],
            term: 0,
            lease: Lease::LongOver,
            leaders: [Leader::default(); LEADERS],
            lives: [0; WORKERS],
            believed: [[false; SLOTS]; WORKERS],
        }
    }

    /// The number for this state and all that differ from it only by who bears which name.
    pub(crate) fn canonical(&self) -> u128 {
        const ORDERS: [[usize; WORKERS]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let both = [[0, 1], [1, 0]];
        let codes = both.iter().flat_map(|slots| both.iter().map(move |leaders| (slots, leaders)));
        let codes = codes.flat_map(|(slots, leaders)| ORDERS.iter().map(move |workers| self.coded(slots, leaders, workers)));
        codes.min().unwrap_or_default()
    }

    /// The number for this state when each takes the place that is given for it.
    fn coded(&self, slots: &[usize; SLOTS], leaders: &[usize; LEADERS], workers: &[usize; WORKERS]) -> u128 {
        let mut code = Code(0);
        code.put(self.tick, 3);
        code.put(self.term, 3);
        code.put(self.lease as u8, 2);
        for slot in slots.map(|slot| &self.slots[slot]) {
            let place = |worker: u8| u8::try_from(workers.iter().position(|at| *at == usize::from(worker)).unwrap()).unwrap();
            code.put(slot.owner.map_or(0, |owner| 1 + place(owner.worker) * 4 + owner.number), 4);
            for number in [slot.epoch, slot.last_tick, slot.ticks, slot.value, slot.incremented_in] {
                code.put(number, 3);
            }
        }
        for leader in leaders.map(|leader| &self.leaders[leader]) {
            code.put(leader.term, 3);
            for slot in slots {
                match &leader.seen {
                    None => code.put(0, 5),
                    Some(seen) => code.put(seen[*slot].epoch * 4 + seen[*slot].phase as u8 + 1, 5),
                }
            }
        }
        for worker in workers {
            code.put(self.lives[*worker], 2);
            slots.iter().for_each(|slot| code.put(u8::from(self.believed[*worker][*slot]), 1));
        }
        code.0
    }
}

/// Numbers side by side in one.
struct Code(u128);

impl Code {
    fn put(&mut self, number: u8, bits: u32) {
        debug_assert!(u32::from(number) < 1 << bits, "{number} has more than {bits} bits");
        self.0 = (self.0 << bits) | u128::from(number);
    }
}
