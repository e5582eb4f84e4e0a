//! Live page of a demo: its address, its items, and its audit.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use notifi_scaler_common::Failure;
use notifi_scaler_common::api::{Api, ApiAccess, DemoRequest, ViewFeed, listen, serve};
use notifi_scaler_common::config::Listen;
use notifi_scaler_common::explain::{FoundItem, ItemLookUp};
use notifi_scaler_common::view::Source;
use scaler_core::audit::Report;
use scaler_core::{Clock, KeyType, Membership, StoreError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::store::{DemoItem, DemoStore};

/// Address of the page, unless another is given.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8088);
/// Maximum number of commands from the page that wait.
const QUEUED_COMMANDS: usize = 16;
/// Interval between audits, unless they take long.
const AUDIT_INTERVAL: Duration = Duration::from_secs(5);
/// Minimum rest after an audit, as a multiple of the time it took.
const AUDIT_REST: u32 = 20;
/// Maximum number of attempts of an audit to look between two ticks.
const AUDIT_TRIES: usize = 3;

/// Live page before it is served.
#[derive(Debug)]
pub(super) struct Page {
    listener: TcpListener,
    /// Address that a browser of this machine opens.
    pub(super) url: String,
}

impl Page {
    /// Listens on the given address, or on the default one or a free port; `None` if the page is off.
    ///
    /// # Errors
    /// [`Failure::Arguments`] if the address cannot be used.
    pub(super) fn listen(given: Option<Listen>) -> Result<Option<Self>, Failure> {
        let listener = match given {
            Some(Listen::Off) => return Ok(None),
            Some(Listen::At(address)) => listen(address).map_err(|error| (address, error)),
            None => match listen(DEFAULT_ADDRESS) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => listen(SocketAddr::new(DEFAULT_ADDRESS.ip(), 0)),
                listener => listener,
            }
            .map_err(|error| (DEFAULT_ADDRESS, error)),
        };
        let refused = |(address, error)| {
            Failure::Arguments(format!("--listen: cannot listen on {address}: {error}: choose another address, or `off`"))
        };
        let listener = listener.map_err(refused)?;
        let system = |source| Failure::System { what: "reading the address of a listener", source };
        let bound = listener.local_addr().map_err(system)?;
        let host = if bound.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { bound.ip() };
        Ok(Some(Self { listener, url: format!("http://{}/", SocketAddr::new(host, bound.port())) }))
    }

    /// Serves the page in the background, and returns the commands that it sends.
    pub(super) fn serve(self, feed: ViewFeed, store: &DemoStore, members: Arc<dyn Membership>) -> mpsc::Receiver<DemoRequest> {
        let (commands, received) = mpsc::channel(QUEUED_COMMANDS);
        let shared = store.shared();
        let api = Api::new(ApiAccess::demo(), feed.clone(), Arc::clone(&shared), Arc::new(store.clone()));
        let api = api.with_members(Arc::new(Arc::clone(&members).into())).with_demo(commands);
        let (listener, store) = (self.listener, store.clone());
        tokio::spawn(async move {
            tokio::join!(serve(listener, api), feed.run(shared, Some(members), None), audit(&store, &feed));
        });
        received
    }
}

/// Returns the feed of a demo's views.
pub(super) fn feed(clock: Arc<dyn Clock>, store: &DemoStore) -> ViewFeed {
    let rights = ApiAccess::demo().rights(store.shared().wishes().is_some());
    ViewFeed::new(clock, store.name(), Source::Demo, rights)
}

/// Compares the values of all items with the ticks of their slots, again and again.
async fn audit(store: &DemoStore, feed: &ViewFeed) {
    let clock = scaler_core::TokioClock::start();
    loop {
        let began_at = clock.now();
        // Ignored: a file that cannot be read is reported by the control plane.
        if let Ok(report) = audit_once(store).await {
            feed.tell(|now, builder| builder.audited(now, &report));
        }
        sleep(AUDIT_INTERVAL.max((clock.now() - began_at) * AUDIT_REST)).await;
    }
}

async fn audit_once(store: &DemoStore) -> Result<Report, StoreError> {
    let mut report = Report::default();
    for _ in 0..AUDIT_TRIES {
        report = report_of(&store.items().await?);
        // A tick between the reading of a value and of its slot looks like a gap.
        if report.gaps == 0 {
            break;
        }
    }
    Ok(report)
}

fn report_of(items: &[DemoItem]) -> Report {
    let mut report = Report { items: items.len() as u64, ..Report::default() };
    for item in items {
        report.doubled += u64::from(item.value > item.ticks);
        report.doubles += item.value.saturating_sub(item.ticks);
        report.gaps += item.ticks.saturating_sub(item.value);
    }
    report
}

#[async_trait]
impl ItemLookUp for DemoStore {
    async fn find(&self, key: &str) -> Result<Option<FoundItem>, StoreError> {
        let Ok(item) = KeyType::Uuid.parse(key) else { return Ok(None) };
        let found = self.contains(&item).await?;
        Ok(found.then_some(FoundItem { item, value: None, worker: None }))
    }
}
