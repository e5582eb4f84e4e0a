//! Replaces each session that has ended by a new one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::servers::Servers;
use super::session::Session;
use crate::reason::Reason;
use crate::target::Address;

const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// Maximum random jitter that is added to each wait, so that a thousand clients do not reconnect at the same moment.
const LONGEST_JITTER_MS: u64 = 500;

/// State of the connection, as calls see it.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// The current session.
    Connected(Arc<Session>),
    /// No session, and the reason for which the last one ended or failed to open.
    Away(Reason),
}

impl State {
    /// Returns the current session, or the reason for which there is none.
    pub(super) fn session(&self) -> Result<Arc<Session>, Reason> {
        match self {
            Self::Connected(session) => Ok(session.clone()),
            Self::Away(reason) => Err(reason.clone()),
        }
    }
}

/// Owner of the current session.
#[derive(Clone)]
pub(super) struct Supervisor {
    servers: Arc<Servers>,
    channel: Arc<str>,
    state: watch::Sender<State>,
    messages: broadcast::Sender<Option<String>>,
}

impl Supervisor {
    /// Returns a supervisor that reports its sessions through `state` and the channel's messages through `messages`.
    pub(super) fn new(
        servers: Servers,
        channel: &str,
        state: watch::Sender<State>,
        messages: broadcast::Sender<Option<String>>,
    ) -> Self {
        Self { servers: Arc::new(servers), channel: channel.into(), state, messages }
    }

    /// Opens one session after the other, forever.
    pub(super) async fn run(self) {
        let mut wait = FIRST_WAIT;
        let mut last_node = None;
        for attempt in 0_usize.. {
            let mut task = JoinSet::new();
            // In a task of its own, so that a panic of the client library ends one session only.
            task.spawn(self.clone().one_session(attempt, last_node.clone()));
            let reason = task.join_next().await.and_then(Result::ok).unwrap_or(Reason::Ended);
            if let State::Connected(session) = self.state.send_replace(State::Away(reason)) {
                last_node = Some(session.address.clone());
                wait = FIRST_WAIT;
            }
            sleep(wait + Duration::from_millis(fastrand::u64(..=LONGEST_JITTER_MS))).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Opens a session and waits until it ends. Returns the reason for which it ended or failed to open.
    async fn one_session(self, attempt: usize, last_node: Option<Address>) -> Reason {
        let Self { servers, channel, state, messages } = self;
        let opened = Session::open(servers, attempt, last_node.as_ref(), &channel, messages.clone()).await;
        let (session, driver) = match opened {
            Ok((session, driver)) => (Arc::new(session), driver),
            Err(reason) => return reason,
        };
        state.send_replace(State::Connected(session.clone()));
        // Messages may have been lost until now. Without a receiver, sending fails, and that is no error here.
        drop(messages.send(None));
        session.ended(driver).await
    }
}
