//! Events that a node reports to its caller.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::worker::WorkerEvent;
use crate::{BoxError, Cause, ItemId, StoreError};

/// Event reported by a node.
#[derive(Debug)]
#[non_exhaustive]
pub enum NodeEvent {
    /// The worker of the node reports an event.
    Worker(WorkerEvent),
    /// The store cannot be prepared yet. Reported at the first failure, when the reason changes, and again at growing intervals
    /// ([`Episode`](crate::Episode)).
    NotPrepared {
        /// Error of the call.
        error: StoreError,
        /// Time until the next try.
        retry_in: Duration,
    },
    /// The handler of an item returned an error or panicked. No other item is delayed.
    HandlerFailed {
        /// The item.
        item: ItemId,
        /// Error, or the message of the panic.
        error: BoxError,
        /// Time until the work is started again; `None` if its lease was withdrawn before.
        retry_in: Option<Duration>,
    },
    /// A call of the tick handler returned an error or panicked. Its items are called for again in the next tick.
    TickFailed {
        /// Number of items of the call.
        items: usize,
        /// Error, or the message of the panic.
        error: BoxError,
    },
    /// The handler of an item goes on although its lease was withdrawn: the next owner waits for it, at most for the hand-over limit.
    /// Reported after 10 s, 20 s, 40 s and so on.
    HandlerOverdue {
        /// The item.
        item: ItemId,
        /// Cause of the withdrawal.
        cause: Cause,
        /// Time since the withdrawal.
        late: Duration,
    },
    /// The slots that the node holds could not be read, or an acknowledgement could not be written; it is tried again. Reported like
    /// [`NotPrepared`](Self::NotPrepared).
    HandOverFailed {
        /// Error of the call.
        error: StoreError,
    },
    /// The node has drained: other nodes have taken over its slots. It ends.
    Drained,
    /// The drain timeout is over. The node ends with slots, which other nodes take over once the failure detector has noticed.
    DrainTimedOut {
        /// Number of its slots.
        slots: u32,
    },
    /// No other node was present to take over slots. The node ends at once; the next node takes them over.
    LeftAlone,
}

/// Function of the user that is called with events, by several tasks.
#[derive(Clone)]
pub(super) struct Observer(Arc<Mutex<dyn FnMut(NodeEvent) + Send>>);

impl Observer {
    pub(super) fn new(observe: impl FnMut(NodeEvent) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(observe)))
    }

    pub(super) fn tell(&self, event: NodeEvent) {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(event);
    }
}
