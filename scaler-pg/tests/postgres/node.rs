//! Nodes with handlers on Postgres alone: a table of a user's own, members in the same database, control planes in the nodes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::{HandOver, Token};
use scaler_core::node::{Control, Handler, Lease, Node, NodeError};
use scaler_core::{BoxError, ItemId};
use scaler_pg::{PgConfig, PgStore, WorkerAccess};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::role_desk::with_roles;
use crate::support::{Desk, bare};

const LIMIT: Duration = Duration::from_secs(4);
const TABLE: &str = "create table public.feeds (id bigint primary key, enabled boolean not null default true);
                     insert into public.feeds select n from generate_series(1, 120) n";

/// Nodes at work on each item, with their tokens.
type AtWork = BTreeMap<ItemId, BTreeMap<&'static str, Token>>;

/// Record of the nodes at work, and the largest number of nodes on one item at once.
#[derive(Clone, Default)]
struct Work(Arc<Mutex<(AtWork, usize)>>);

impl Work {
    fn owners(&self) -> BTreeMap<ItemId, Vec<&'static str>> {
        let at_work = &self.0.lock().unwrap().0;
        at_work.iter().map(|(item, nodes)| (item.clone(), nodes.keys().copied().collect())).collect()
    }

    /// Number of items on which only this node works.
    fn share(&self, node: &str) -> usize {
        self.owners().values().filter(|nodes| **nodes == [node]).count()
    }

    fn most_at_once(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

struct Poller {
    node: &'static str,
    work: Work,
}

#[async_trait]
impl Handler for Poller {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        {
            let (at_work, most) = &mut *self.work.0.lock().unwrap();
            let nodes = at_work.entry(item.clone()).or_default();
            nodes.insert(self.node, lease.token());
            *most = (*most).max(nodes.len());
        }
        lease.withdrawn().await;
        self.work.0.lock().unwrap().0.entry(item).or_default().remove(self.node);
        Ok(())
    }
}

struct Running {
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<Result<(), NodeError>>,
}

fn node(desk: &Desk, name: &'static str, work: &Work) -> Running {
    let store = PgStore::builder(desk.database.url()).group("feeds").table("feeds").filter("enabled").build().unwrap();
    let (shutdown, asked) = oneshot::channel();
    let asked = async {
        if asked.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let builder = Node::builder(store).name(name).handler(Poller { node: name, work: work.clone() });
    let run = builder.hand_over(HandOver::Exclusive { limit: LIMIT }).run_until(asked);
    Running { shutdown, task: tokio::spawn(run) }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), wait).await.is_ok(), "waited in vain: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_share_a_table_with_postgres_alone() {
    let desk = bare().await;
    desk.run(TABLE).await;
    let work = Work::default();
    let first = node(&desk, "first", &work);
    until("one node has all", || work.share("first") == 120).await;
    let second = node(&desk, "second", &work);
    until("two nodes have a half each", || {
        work.share("first") + work.share("second") == 120 && work.share("first").abs_diff(60) <= 6
    })
    .await;

    desk.run("insert into public.feeds values (1000); update public.feeds set enabled = false where id = 7; delete from public.feeds where id = 8")
        .await;
    let none = |item: i64| work.owners().get(&ItemId::from(item)).is_none_or(Vec::is_empty);
    until("a new row is worked on, and neither a disabled nor a deleted one", || !none(1000) && none(7) && none(8)).await;

    first.shutdown.send(()).unwrap();
    first.task.await.unwrap().unwrap();
    until("the other node has all", || work.share("second") == 119).await;
    assert_eq!(work.most_at_once(), 1, "no item was worked on by two nodes at once");

    // The last one ends at once; its successor need not wait for the limit.
    second.shutdown.send(()).unwrap();
    second.task.await.unwrap().unwrap();
    assert_eq!(work.share("second"), 0);
    let ended = desk.number("select count(*) from feeds.slot where owner is not null and ended = epoch").await;
    assert_eq!(ended, desk.number("select count(*) from feeds.slot").await, "each slot is acknowledged in its row");
    let third = node(&desk, "second", &work);
    until("the successor has all", || work.share("second") == 119).await;
    assert_eq!(work.most_at_once(), 1);
    third.task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_items_of_a_node_that_is_killed_are_taken_over_with_later_tokens() {
    let desk = bare().await;
    desk.run(TABLE).await;
    let work = Work::default();
    let nodes = ["first", "second", "third"].map(|name| node(&desk, name, &work));
    until("all three have some", || ["first", "second", "third"].iter().all(|name| work.share(name) >= 30)).await;
    nodes[0].task.abort();
    let of_first: Vec<ItemId> =
        work.owners().into_iter().filter(|(_, nodes)| *nodes == ["first"]).map(|(item, _)| item).collect();
    until("the items of the first are worked on", || {
        let owners = work.owners();
        of_first.iter().all(|item| owners[item].iter().any(|node| *node != "first"))
    })
    .await;
    let at_work = &work.0.lock().unwrap().0;
    for item in &of_first {
        let epoch_of_first = at_work[item]["first"].epoch;
        assert!(at_work[item].iter().all(|(node, token)| *node == "first" || token.epoch > epoch_of_first), "{item}");
    }
    nodes.into_iter().for_each(|node| node.task.abort());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_the_execute_only_role_works_with_other_control_planes() {
    let desk = with_roles(1000, WorkerAccess::Functions).await;
    desk.owner.store.add_items(60).await.unwrap();
    let url = desk.owner.database.url();
    let of_role = url.replacen("postgres@", &format!("{}@", desk.names[0].replace(' ', "%20")), 1);
    let work = Work::default();
    let owner = Node::builder(PgStore::new(&PgConfig::new(url)).unwrap())
        .name("owner")
        .handler(Poller { node: "owner", work: work.clone() });
    let owner = tokio::spawn(owner.run_until(std::future::pending()));
    let limited = Node::builder(PgStore::new(&PgConfig::new(of_role)).unwrap()).name("limited").control(Control::Off);
    let limited = limited.handler(Poller { node: "limited", work: work.clone() });
    let limited = tokio::spawn(limited.run_until(std::future::pending()));
    until("both have a half", || work.share("owner") == 30 && work.share("limited") == 30).await;
    assert_eq!(work.most_at_once(), 1);
    owner.abort();
    limited.abort();
}

#[tokio::test]
async fn a_table_that_is_missing_ends_the_node_with_its_name() {
    let desk = bare().await;
    let running = node(&desk, "first", &Work::default());
    let error = running.task.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("feeds") && error.contains("does not exist"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_on_one_store_are_two_incarnations() {
    let desk = bare().await;
    desk.run(TABLE).await;
    let store = PgStore::builder(desk.database.url()).group("feeds").table("feeds").build().unwrap();
    let (store, work) = (Arc::new(store), Work::default());
    let nodes = ["first", "second"].map(|name| {
        let node = Node::builder_on(store.clone()).name(name).handler(Poller { node: name, work: work.clone() });
        tokio::spawn(node.hand_over(HandOver::Exclusive { limit: LIMIT }).run_until(std::future::pending()))
    });
    until("both have a half", || work.share("first") + work.share("second") == 120 && work.share("first").abs_diff(60) <= 6)
        .await;
    let incarnations = desk.number("select count(distinct incarnation) from feeds.slot").await;
    assert_eq!((incarnations, work.most_at_once()), (2, 1));
    nodes.into_iter().for_each(|node| node.abort());
}
