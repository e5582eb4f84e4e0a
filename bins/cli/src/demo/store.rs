//! Store of a demo: in memory, or in an SQLite file that outlives the process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notifi_scaler_common::Failure;
use notifi_scaler_common::view::WallClock;
use scaler_core::memory::MemoryStore;
use scaler_core::node::NodeStore;
use scaler_core::{Clock, ItemId, SlotCount, StoreError};
use sqlite_store::{Layout, SqliteStore};

/// Length of a tick.
const TICK: Duration = Duration::from_secs(1);

/// Item of a demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoItem {
    /// Key of the item.
    pub id: ItemId,
    /// Number of times it was incremented.
    pub value: u64,
    /// Number of ticks of its slot since it was added: the value that it should have.
    pub ticks: u64,
}

/// Store of a demo.
#[derive(Clone, Debug)]
pub enum DemoStore {
    /// Ends with the process.
    Memory(Memory),
    /// Goes on in the next process that opens the file.
    File(SqliteStore),
}

/// In-memory store.
#[derive(Clone, Debug)]
pub struct Memory {
    store: Arc<MemoryStore>,
    /// Number of ticks of each item's slot when the item was added.
    born: Arc<Mutex<BTreeMap<ItemId, u64>>>,
}

impl DemoStore {
    /// Returns an empty store in memory, with this clock.
    #[must_use]
    pub fn in_memory(clock: Arc<dyn Clock>, slots: SlotCount) -> Self {
        let store = MemoryStore::new(clock, slots, TICK);
        Self::Memory(Memory { store: Arc::new(store), born: Arc::default() })
    }

    /// Opens a store in a file, or creates it.
    ///
    /// # Errors
    /// If the file cannot be used, is in use, belongs to another program, or has another number of slots.
    pub async fn in_file(path: &Path, slots: SlotCount) -> Result<Self, Failure> {
        let layout = Layout { slots, tick: TICK, ..Layout::default() };
        let opened = SqliteStore::open(path, layout, Arc::new(WallClock)).await;
        opened.map(Self::File).map_err(|error| Failure::Arguments(format!("--file: {error}")))
    }

    /// Returns the store as control planes and workers use it.
    #[must_use]
    pub fn shared(&self) -> Arc<dyn NodeStore> {
        match self {
            Self::Memory(memory) => Arc::clone(&memory.store) as Arc<dyn NodeStore>,
            Self::File(store) => Arc::new(store.clone()),
        }
    }

    /// Returns the name of the store.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::File(_) => "SQLite",
        }
    }

    /// True if it contains an item.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn contains(&self, id: &ItemId) -> Result<bool, StoreError> {
        match self {
            Self::Memory(memory) => Ok(memory.born().contains_key(id)),
            Self::File(store) => Ok(store.rows().await?.iter().any(|row| row.id == *id)),
        }
    }

    /// Adds an item.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn insert(&self, id: &ItemId) -> Result<(), StoreError> {
        match self {
            Self::Memory(memory) => memory.insert(id),
            Self::File(store) => _ = store.insert(id).await?,
        }
        Ok(())
    }

    /// Removes an item. Returns false if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn remove(&self, id: &ItemId) -> Result<bool, StoreError> {
        match self {
            Self::Memory(memory) => {
                memory.born().remove(id);
                Ok(memory.store.remove(id))
            }
            Self::File(store) => store.remove(id).await,
        }
    }

    /// Returns all items, in order.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn items(&self) -> Result<Vec<DemoItem>, StoreError> {
        match self {
            Self::Memory(memory) => Ok(memory.items()),
            Self::File(store) => {
                let rows = store.rows().await?.into_iter();
                Ok(rows.map(|row| DemoItem { id: row.id, value: row.value, ticks: row.ticks }).collect())
            }
        }
    }
}

impl Memory {
    fn born(&self) -> MutexGuard<'_, BTreeMap<ItemId, u64>> {
        self.born.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, id: &ItemId) {
        let born = loop {
            let before = self.store.ticks_of(id);
            self.store.insert(id.clone());
            if self.store.ticks_of(id) == before {
                break before;
            }
            // A tick happened in between and may or may not count for the item, so it is added again.
            self.store.remove(id);
        };
        self.born().insert(id.clone(), born);
    }

    fn items(&self) -> Vec<DemoItem> {
        let born = self.born();
        let item = |row: scaler_core::memory::Row| {
            let ticks = self.store.ticks_of(&row.id).saturating_sub(*born.get(&row.id)?);
            Some(DemoItem { id: row.id, value: row.value, ticks })
        };
        self.store.rows().into_iter().filter_map(item).collect()
    }
}
