//! Live page and API of a control plane.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use notifi_scaler_common::Failure;
use notifi_scaler_common::api::{Api, LateMembers, ViewFeed, listen, serve};
use notifi_scaler_common::config::{ApiArgs, Listen, Secrets};
use notifi_scaler_common::readiness::Readiness;
use notifi_scaler_common::servers::Store;
use notifi_scaler_common::view::{Source, WallClock};
use scaler_core::Membership;
use scaler_core::control::ControlEvent;
use scaler_pg::PgStore;

use crate::checks::PgChecks;

/// Application name of its Postgres sessions.
const SESSION: &str = "scaler-page";
/// Maximum number of sessions: one for the view, and others for viewers.
const SESSIONS: u32 = 3;
/// Interval between two frames before the servers are reached.
const FRAME_INTERVAL: Duration = Duration::from_secs(1);

/// Live page and API; of a control plane without them, too.
#[derive(Debug)]
pub(crate) struct Page {
    feed: ViewFeed,
    served: Option<Served>,
}

/// Servers of a page that is served.
#[derive(Debug)]
struct Served {
    store: Arc<PgStore>,
    members: LateMembers,
}

impl Page {
    /// Listens on the address that the arguments name, and serves in the background from now on, also before the servers are reached. It has
    /// connections of its own to Postgres, which are opened only when they are needed: viewers must not delay the control plane.
    ///
    /// # Errors
    /// If the token or the address cannot be used.
    pub(crate) fn open(args: &ApiArgs, secrets: &Secrets, store: &Store<'_>) -> Result<Self, Failure> {
        let access = args.access(secrets)?;
        let feed = ViewFeed::new(Arc::new(WallClock), "Postgres", Source::Leader, access.rights(true));
        let Listen::At(address) = args.api_listen else { return Ok(Self { feed, served: None }) };
        let refused = |error| Failure::Arguments(format!("API_LISTEN: cannot listen on {address}: {error}"));
        let listener = listen(address).map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        let store = Arc::new(store.for_sessions(SESSION, SESSIONS)?);
        let members = LateMembers::default();
        let checks = Arc::new(PgChecks::new(Arc::clone(&store), Arc::clone(&members)));
        let api = Api::new(access, feed.clone(), store.clone(), store.clone());
        let api = api.with_members(Arc::clone(&members)).with_checks(checks);
        tracing::info!("serving the live page and /api/v1 on http://{bound}");
        tokio::spawn(serve(listener, api));
        Ok(Self { feed, served: Some(Served { store, members }) })
    }

    /// Returns the feed of views, which must see all events of the control plane.
    pub(crate) fn feed(&self) -> ViewFeed {
        self.feed.clone()
    }

    /// Shows what the program waits for until it has reached its servers. Never returns.
    pub(crate) async fn wait(&self, readiness: &Readiness) {
        loop {
            if let Err(reason) = readiness.check() {
                self.feed.tell(|now, builder| builder.waits(now, &reason));
            }
            self.feed.make();
            tokio::time::sleep(FRAME_INTERVAL).await;
        }
    }

    /// Splits into an observer for all events of the control plane, and a task to run beside the control plane.
    pub(crate) fn start(
        self,
        members: Arc<dyn Membership>,
        stop: impl Future<Output = ()> + Send,
    ) -> (impl FnMut(&ControlEvent<'_>) + Send, impl Future<Output = ()> + Send) {
        let observed = self.served.is_some().then(|| self.feed.clone());
        let tell = move |event: &ControlEvent<'_>| {
            if let Some(feed) = &observed {
                feed.observe(event);
            }
        };
        let run = async move {
            let Some(served) = self.served else { return };
            served.members.get_or_init(|| Arc::clone(&members));
            let (store, board) = (Arc::clone(&served.store), served.store);
            tokio::select! {
                () = self.feed.run(store, Some(members), Some(board)) => {}
                () = stop => {}
            }
        };
        (tell, run)
    }
}
