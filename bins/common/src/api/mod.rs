//! The operators' API: HTTP endpoints under `/api/v1`, the live page, and the view as plain text.
//!
//! Each request is answered from the view that the control plane holds already, except for events and explanations, which read a bounded
//! number of rows and have a rate limit for each client address.

mod access;
mod board;
mod body;
mod checks;
mod demo;
mod error;
mod events;
mod explain;
mod feed;
mod openapi;
mod page;
mod params;
mod router;
mod status;
mod stream;
mod view;
mod wishes;
mod workers;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use access::{ApiAccess, ReadAccess};
pub use board::{MemoryBoard, ViewBoard};
pub use checks::Checks;
use checks::ViewChecks;
pub use demo::DemoRequest;
pub use error::ApiError;
pub use feed::{Frame, ViewFeed};
pub use openapi::openapi;
pub use router::router;
use scaler_core::node::NodeStore;
use scaler_core::{Clock, Membership, TokioClock};
pub use status::status_text;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};

use crate::dual_stack::bind;
use crate::explain::ItemLookUp;
use crate::listener::{MOST_CONNECTIONS, answer};
use crate::rate::RateLimit;

/// Maximum number of viewers of the stream.
pub const MOST_VIEWERS: usize = 1000;
/// Rate limit of reads of the store for each client address: interval between requests, and burst.
const READ_EVERY: Duration = Duration::from_millis(100);
const READ_BURST: u32 = 20;

/// Membership that is set once the program has reached it.
pub type LateMembers = Arc<OnceLock<Arc<dyn Membership>>>;

/// API, with its access, its feed of views, and the servers that it reads.
#[derive(Debug)]
pub struct Api {
    access: ApiAccess,
    feed: ViewFeed,
    store: Arc<dyn NodeStore>,
    items: Arc<dyn ItemLookUp>,
    members: LateMembers,
    checks: Arc<dyn Checks>,
    demo: Option<mpsc::Sender<DemoRequest>>,
    viewers: Arc<Semaphore>,
    reads: RateLimit,
}

impl Api {
    /// Returns the API of a control plane.
    #[must_use]
    pub fn new(access: ApiAccess, feed: ViewFeed, store: Arc<dyn NodeStore>, items: Arc<dyn ItemLookUp>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        Self {
            access,
            checks: Arc::new(ViewChecks(feed.clone())),
            feed,
            store,
            items,
            members: LateMembers::default(),
            demo: None,
            viewers: Arc::new(Semaphore::new(MOST_VIEWERS)),
            reads: RateLimit::new(clock, READ_EVERY, READ_BURST),
        }
    }

    /// Returns the API with this membership, for what workers report as refused.
    #[must_use]
    pub fn with_members(self, members: LateMembers) -> Self {
        Self { members, ..self }
    }

    /// Returns the API with these checks in place of those that need the view only.
    #[must_use]
    pub fn with_checks(self, checks: Arc<dyn Checks>) -> Self {
        Self { checks, ..self }
    }

    /// Returns the API of a demo, which sends the commands of viewers to `commands`.
    #[must_use]
    pub fn with_demo(self, commands: mpsc::Sender<DemoRequest>) -> Self {
        Self { demo: Some(commands), ..self }
    }
}

/// Listens on an address, as [`serve`] needs it.
///
/// # Errors
/// If the address is in use, does not belong to this machine, or needs privileges that the process does not have.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    bind(address)
}

/// Serves the API forever.
pub async fn serve(listener: TcpListener, api: Api) {
    answer(listener, router(api), MOST_VIEWERS + MOST_CONNECTIONS).await;
}
