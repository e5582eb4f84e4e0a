//! Feed of views: made once a second, and shared by all viewers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use scaler_core::control::ControlEvent;
use scaler_core::node::NodeStore;
use scaler_core::{Clock, EventFilter, EventKind, Membership, StoreError};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::ViewBoard;
use crate::text::millis;
use crate::view::{MOST_EVENTS, Recent, Right, Situation, Source, View, ViewBuilder, WorkerView};

/// Interval between two frames.
const FRAME_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum time of an exchange with the store.
const STORE_LIMIT: Duration = Duration::from_secs(2);

/// View, with the bytes that viewers receive.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The view.
    pub view: View,
    /// The view as JSON.
    pub json: Bytes,
    /// The view as a server-sent event.
    pub event: Bytes,
}

/// Feed of views. Cheap to clone; clones share the same state.
#[derive(Clone, Debug)]
pub struct ViewFeed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Clock whose times are since the Unix epoch.
    clock: Arc<dyn Clock>,
    source: Source,
    may: Vec<Right>,
    state: Mutex<State>,
    frames: watch::Sender<Arc<Frame>>,
}

#[derive(Debug)]
struct State {
    builder: ViewBuilder,
    recent: Recent,
    /// Last view of a leader, this one or another, and the time at which it was made.
    last: Option<(Duration, View)>,
}

impl ViewFeed {
    /// Returns the feed of a control plane. `clock` is since the Unix epoch, `store` is the name of the store, and `source` is
    /// [`Source::Demo`] for a demo and [`Source::Leader`] otherwise.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, store: &str, source: Source, may: Vec<Right>) -> Self {
        let now = clock.now();
        let state = State { builder: ViewBuilder::new(store, now), recent: Recent::default(), last: None };
        let view = state.builder.snapshot(now, source.without_leader(), &state.recent);
        let first = Frame::of(View { may: may.clone(), ..view });
        let frames = watch::Sender::new(Arc::new(first));
        Self(Arc::new(Shared { clock, source, may, state: Mutex::new(state), frames }))
    }

    /// Takes an event of the control plane.
    pub fn observe(&self, event: &ControlEvent<'_>) {
        let now = self.0.clock.now();
        self.state().builder.observe(now, event);
    }

    /// Changes what only the builder knows, such as the last audit. The time is now.
    pub fn tell(&self, change: impl FnOnce(Duration, &mut ViewBuilder)) {
        let now = self.0.clock.now();
        change(now, &mut self.state().builder);
    }

    /// Returns the present frame.
    #[must_use]
    pub fn frame(&self) -> Arc<Frame> {
        Arc::clone(&self.0.frames.borrow())
    }

    /// Returns the frames from now on. A receiver that is late misses frames, and always gets the newest one.
    #[must_use]
    pub fn frames(&self) -> watch::Receiver<Arc<Frame>> {
        self.0.frames.subscribe()
    }

    /// Returns all workers, by name; `None` on a standby that knows only some of them.
    #[must_use]
    pub fn workers(&self) -> Option<Vec<WorkerView>> {
        let state = self.state();
        if state.builder.leads() {
            return Some(state.builder.all_workers());
        }
        drop(state);
        let mut workers = self.frame().view.workers.clone();
        workers.shown.sort_by(|a, b| a.name.cmp(&b.name));
        (workers.shown.len() as u64 == workers.total).then_some(workers.shown)
    }

    /// Returns what the leader knows beyond the view; `None` on a standby.
    #[must_use]
    pub fn situation(&self) -> Option<Situation> {
        self.state().builder.situation()
    }

    /// Makes a frame each second, and exchanges with the store what standbys and viewers need: at most four small calls a
    /// second, whatever the number of viewers. Never returns.
    pub async fn run(&self, store: Arc<dyn NodeStore>, members: Option<Arc<dyn Membership>>, board: Option<Arc<dyn ViewBoard>>) {
        let make = async {
            loop {
                self.make();
                sleep(FRAME_INTERVAL).await;
            }
        };
        let exchange = async {
            loop {
                // Ignored: the control plane reports that the store is away, and the view shows it.
                let _ = timeout(STORE_LIMIT, self.exchange(store.as_ref(), board.as_deref())).await;
                if let Some(members) = &members {
                    let _ = timeout(STORE_LIMIT, self.read_members(members.as_ref())).await;
                }
                sleep(FRAME_INTERVAL).await;
            }
        };
        tokio::join!(make, exchange);
    }

    /// Makes a frame of what is known now.
    pub fn make(&self) {
        let view = self.view();
        self.0.frames.send_replace(Arc::new(Frame::of(view)));
    }

    fn view(&self) -> View {
        let now = self.0.clock.now();
        let mut state = self.state();
        let view = if state.builder.leads() {
            let view = state.builder.snapshot(now, self.0.source, &state.recent);
            state.last = Some((now.saturating_sub(Duration::from_millis(view.age_ms)), view.clone()));
            view
        } else {
            let source = self.0.source.without_leader();
            match &state.last {
                None => state.builder.snapshot(now, source, &state.recent),
                Some((made_at, view)) => overlaid(&state.builder, now, View { source, ..view.clone() }, *made_at),
            }
        };
        View { may: self.0.may.clone(), ..view }
    }

    async fn exchange(&self, store: &dyn NodeStore, board: Option<&dyn ViewBoard>) -> Result<(), StoreError> {
        let leads = self.state().builder.leads();
        if leads {
            if let Some(log) = store.event_log() {
                // Rebalances are left out of the events that are shown.
                let events = log.events(&EventFilter::default(), 2 * MOST_EVENTS).await?;
                let of_kind = EventFilter { kind: Some(EventKind::Rebalance), ..EventFilter::default() };
                let rebalances = log.events(&of_kind, MOST_EVENTS).await?;
                self.state().recent = Recent { events, rebalances };
            }
            let json = self.frame().json.clone();
            if let (Some(board), Ok(body)) = (board, str::from_utf8(&json)) {
                board.publish(body).await?;
            }
        } else if let Some(board) = board
            && let Some((age, body)) = board.published().await?
            && let Ok(view) = serde_json::from_str::<View>(&body)
        {
            let age = age + Duration::from_millis(view.age_ms);
            self.state().last = Some((self.0.clock.now().saturating_sub(age), view));
        }
        Ok(())
    }

    /// Reads what the members report about themselves.
    async fn read_members(&self, members: &dyn Membership) {
        if self.state().builder.leads()
            && let Ok(records) = members.members().await
        {
            self.state().builder.reported(records.into_iter().map(|record| record.member));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// Returns the source of a view of a control plane that does not lead.
    const fn without_leader(self) -> Self {
        match self {
            Self::Demo => Self::Demo,
            Self::Leader | Self::Standby => Self::Standby,
        }
    }
}

impl Frame {
    fn of(view: View) -> Self {
        let json = serde_json::to_string(&view).unwrap_or_default();
        let event = Bytes::from(format!("event: view\ndata: {json}\n\n"));
        Self { view, json: json.into(), event }
    }
}

/// Returns a view of another time with its age, and with the servers that are away from here now.
fn overlaid(builder: &ViewBuilder, now: Duration, mut view: View, made_at: Duration) -> View {
    let age_ms = millis(now.saturating_sub(made_at));
    let grown = age_ms.saturating_sub(view.age_ms);
    view.age_ms = age_ms;
    view.stores.iter_mut().for_each(|server| server.age_ms += grown);
    for server in builder.servers(now).into_iter().filter(|server| !server.ok) {
        if let Some(shown) = view.stores.iter_mut().find(|shown| shown.name == server.name) {
            *shown = server;
        }
    }
    for notice in builder.away() {
        if !view.notices.iter().any(|shown| shown.kind == notice.kind) {
            view.notices.insert(0, notice);
        }
    }
    view
}
