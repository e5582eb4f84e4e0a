//! Builder of a node.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::owned::Owned;
use super::{Handler, Handlers, Node, NodeError, NodeEvent, NodeStore, Observer, TickHandler};
use crate::control::{ControlConfig, ControlEvent};
use crate::hand_over::HandOver;
use crate::worker::WorkerConfig;
use crate::{Clock, Incarnation, MemberKey, Membership, RingSource, TokioClock, WorkerId};

/// Time after which the next owner begins without an acknowledgement, unless it is set.
const LIMIT: Duration = Duration::from_secs(30);

/// Role of a node in leader election.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there is one for each node")]
pub enum Control {
    /// The node is a candidate: one of the nodes leads, and another one takes over when it is gone.
    On(ControlConfig),
    /// The node is no candidate: control planes run elsewhere, and prepare the store.
    Off,
}

pub(super) type ControlObserver = Box<dyn FnMut(ControlEvent<'_>) + Send>;

/// Settings of a [`Node`].
#[must_use]
pub struct NodeBuilder {
    pub(super) store: Arc<dyn NodeStore>,
    pub(super) name: String,
    pub(super) incarnation: Incarnation,
    pub(super) membership: Option<Arc<dyn Membership>>,
    pub(super) handlers: Handlers,
    pub(super) hand_over: HandOver,
    pub(super) control: Control,
    pub(super) waits_for_successor: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observe: Observer,
    pub(super) observe_control: ControlObserver,
    pub(super) configure: Box<dyn FnOnce(WorkerConfig) -> WorkerConfig + Send>,
}

impl NodeBuilder {
    pub(super) fn new(store: Arc<dyn NodeStore>) -> Self {
        Self {
            name: String::new(),
            incarnation: store.take_incarnation().unwrap_or_else(|| Incarnation::new(Uuid::new_v4())),
            store,
            membership: None,
            handlers: Handlers::default(),
            hand_over: HandOver::Exclusive { limit: LIMIT },
            control: Control::On(ControlConfig::default()),
            waits_for_successor: false,
            clock: Arc::new(TokioClock::start()),
            observe: Observer::new(|_| {}),
            observe_control: Box::new(|_| {}),
            configure: Box::new(|config| config),
        }
    }

    /// Sets the name of the node, unique among all nodes of the group: usually the pod's or the host's name. Required.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the id of this process; the default is the one of the [store](crate::WorkStore::take_incarnation), or else random.
    pub fn incarnation(mut self, incarnation: Incarnation) -> Self {
        self.incarnation = incarnation;
        self
    }

    /// Sets the work on items. Without a handler, the node does what the store does in its tick; see also
    /// [`NodeHandle::changes`](super::NodeHandle::changes).
    pub fn handler(mut self, handler: impl Handler) -> Self {
        self.handlers.of_item = Some(Arc::new(handler));
        self
    }

    /// Sets the work on all items in every tick. It may be set beside a [`handler`](Self::handler).
    pub fn tick_handler(mut self, handler: impl TickHandler) -> Self {
        self.handlers.of_tick = Some(Arc::new(handler));
        self
    }

    /// Sets the membership; the default is the one [of the store](crate::WorkStore::membership).
    pub fn membership(mut self, membership: Arc<dyn Membership>) -> Self {
        self.membership = Some(membership);
        self
    }

    /// Sets when work begins on items that another node had; the default is [`HandOver::Exclusive`] with a limit of 30 s.
    pub fn hand_over(mut self, hand_over: HandOver) -> Self {
        self.hand_over = hand_over;
        self
    }

    /// Sets whether the node is a candidate for control plane; the default is [`Control::On`] with the default configuration. It replaces the
    /// [ring](Self::ring).
    pub fn control(mut self, control: Control) -> Self {
        self.control = control;
        self
    }

    /// Sets the ring by which the slots are placed while this node leads: a [`RingKind`](crate::RingKind) or a
    /// [`RingSource`] of one's own, the same for all nodes. It has no effect with [`Control::Off`].
    pub fn ring(mut self, ring: impl Into<RingSource>) -> Self {
        if let Control::On(config) = &mut self.control {
            config.ring = ring.into();
        }
        self
    }

    /// Sets whether a node that drains keeps its slots up to the drain timeout while no other node is present, so that its replacement takes
    /// them over without a gap, as the pods of a Kubernetes Deployment need. The default is false: a node without another one ends at once,
    /// as people expect at a terminal.
    pub fn waits_for_successor(mut self, waits: bool) -> Self {
        self.waits_for_successor = waits;
        self
    }

    /// Changes the limits and intervals of the worker.
    pub fn worker(mut self, configure: impl FnOnce(WorkerConfig) -> WorkerConfig + Send + 'static) -> Self {
        self.configure = Box::new(configure);
        self
    }

    /// Sets the clock; the default is tokio's timer.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Calls `observe` with each event of the node. It must return at once.
    pub fn observe(mut self, observe: impl FnMut(NodeEvent) + Send + 'static) -> Self {
        self.observe = Observer::new(observe);
        self
    }

    /// Calls `observe` with each event of the node's control plane. It must return at once.
    pub fn observe_control(mut self, observe: impl FnMut(ControlEvent<'_>) + Send + 'static) -> Self {
        self.observe_control = Box::new(observe);
        self
    }

    /// Returns the node, which does nothing before it [runs](Node::run_until).
    ///
    /// # Errors
    /// If the name is invalid, or neither the builder nor the store has a membership.
    pub fn build(self) -> Result<Node, NodeError> {
        let worker = WorkerId::new(self.name)?;
        let membership = match self.membership {
            Some(membership) => membership,
            None => self.store.membership()?.ok_or(NodeError::NoMembership)?,
        };
        let key = MemberKey { worker, incarnation: self.incarnation };
        let worker = (self.configure)(WorkerConfig::new(key.clone()));
        let (owned, _) = watch::channel(Arc::new(Owned::default()));
        Ok(Node {
            key,
            store: self.store,
            membership,
            handlers: self.handlers,
            hand_over: self.hand_over,
            control: self.control,
            waits_for_successor: self.waits_for_successor,
            worker,
            clock: self.clock,
            observe: self.observe,
            observe_control: self.observe_control,
            owned,
        })
    }

    /// Builds the node and runs it: see [`Node::run_until`].
    ///
    /// # Errors
    /// As for [`build`](Self::build) and [`Node::run_until`].
    pub async fn run_until(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), NodeError> {
        self.build()?.run_until(shutdown).await
    }
}
