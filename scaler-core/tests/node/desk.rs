//! A cluster of nodes whose handlers write a journal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::{HandOver, Token};
use scaler_core::node::{Handler, Lease};
use scaler_core::testing::Cluster;
use scaler_core::{BoxError, Cause, Clock, ItemId, TokioClock};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// Journal of the handlers' work, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Begins(Token),
    Withdrawn(Cause),
    Ends,
}

/// Deed of a node, with the time.
pub(crate) type Entry = (Duration, String, Deed);

/// Journal of all handlers of a cluster: deeds by item.
#[derive(Clone)]
pub(crate) struct Journal(pub(crate) Arc<Mutex<BTreeMap<ItemId, Vec<Entry>>>>, pub(crate) TokioClock);

impl Default for Journal {
    fn default() -> Self {
        Self(Arc::default(), TokioClock::start())
    }
}

impl Journal {
    pub(crate) fn note(&self, item: &ItemId, node: &str, deed: Deed) {
        self.0.lock().unwrap().entry(item.clone()).or_default().push((self.1.now(), node.to_owned(), deed));
    }

    pub(crate) fn of(&self, item: &ItemId) -> Vec<Entry> {
        self.0.lock().unwrap().get(item).cloned().unwrap_or_default()
    }

    /// Nodes that work on the item now.
    pub(crate) fn at_work(&self, item: &ItemId) -> Vec<String> {
        let mut nodes = Vec::new();
        for (_, node, deed) in self.of(item) {
            match deed {
                Deed::Begins(_) => nodes.push(node),
                Deed::Withdrawn(_) => {}
                Deed::Ends => nodes.retain(|other| *other != node),
            }
        }
        nodes
    }

    /// Most nodes that worked on one item at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        let most = |deeds: &Vec<Entry>| {
            let steps = deeds.iter().scan(0_usize, |at_work, (.., deed)| {
                match deed {
                    Deed::Begins(_) => *at_work += 1,
                    Deed::Withdrawn(_) => {}
                    Deed::Ends => *at_work -= 1,
                }
                Some(*at_work)
            });
            steps.max().unwrap_or(0)
        };
        self.0.lock().unwrap().values().map(most).max().unwrap_or(0)
    }

    /// Causes for which the node's leases of the item were withdrawn.
    pub(crate) fn causes(&self, item: &ItemId, of: &str) -> Vec<Cause> {
        let causes = self.of(item).into_iter().filter(|(_, node, _)| node == of);
        causes.filter_map(|(.., deed)| if let Deed::Withdrawn(cause) = deed { Some(cause) } else { None }).collect()
    }
}

/// Works until its lease is withdrawn, and `slack` longer.
pub(crate) struct Steady {
    pub(crate) node: &'static str,
    pub(crate) journal: Journal,
    pub(crate) slack: Duration,
}

#[async_trait]
impl Handler for Steady {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        self.journal.note(&item, self.node, Deed::Begins(lease.token()));
        let cause = lease.withdrawn().await;
        self.journal.note(&item, self.node, Deed::Withdrawn(cause));
        tokio::time::sleep(self.slack).await;
        self.journal.note(&item, self.node, Deed::Ends);
        Ok(())
    }
}

pub(crate) struct Desk {
    pub(crate) cluster: Cluster,
    pub(crate) journal: Journal,
    pub(crate) items: Vec<ItemId>,
}

impl Desk {
    pub(crate) fn new(items: i64) -> Self {
        let cluster = Cluster::new();
        let items: Vec<_> = (0..items).map(ItemId::from).collect();
        items.iter().for_each(|item| assert!(cluster.insert(item.clone())));
        Self { cluster, journal: Journal::default(), items }
    }

    pub(crate) fn join(&mut self, node: &'static str, slack: Duration) {
        let handler = Steady { node, journal: self.journal.clone(), slack };
        self.cluster.join_with(node, handler, |builder| builder.hand_over(HandOver::Exclusive { limit: LIMIT }));
    }

    /// Waits until each item is worked on by one node.
    pub(crate) async fn all_at_work(&self) {
        for item in &self.items {
            let mut waited = 0;
            while self.journal.at_work(item).len() != 1 {
                tokio::time::sleep(SECOND / 10).await;
                waited += 1;
                assert!(waited < 6000, "{item}: {:?}", self.journal.of(item));
            }
        }
    }

    pub(crate) fn share(&self, node: &str) -> usize {
        self.items.iter().filter(|item| self.journal.at_work(item) == [node]).count()
    }
}

/// Ends at once.
pub(crate) struct Done(pub(crate) Journal);

#[async_trait]
impl Handler for Done {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        self.0.note(&item, "a", Deed::Begins(lease.token()));
        Ok(())
    }
}
