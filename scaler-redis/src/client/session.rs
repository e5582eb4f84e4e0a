//! One connection to the server that has the keys, with its subscription, until it ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::{Cmd, FromRedisValue, PushInfo, PushKind, Value, cmd};
use tokio::sync::{broadcast, watch};
use tokio::time::timeout;

use super::dial::SILENCE_LIMIT;
use super::link::{Driver, Link, Pushes};
use super::servers::Servers;
use crate::reason::Reason;
use crate::target::Address;

/// Time without an answer after which the server is probed.
const PROBE_AFTER: Duration = Duration::from_secs(1);

/// One connection to the server that has the keys, with its subscription.
pub(super) struct Session {
    servers: Arc<Servers>,
    pub(super) address: Address,
    connection: MultiplexedConnection,
    /// Notified of each answer.
    answers: watch::Sender<()>,
    /// Reason for which the session must end.
    end: watch::Sender<Option<Reason>>,
}

impl Session {
    /// Finds the server, connects and subscribes. The driver must be passed to [`ended`](Self::ended).
    pub(super) async fn open(
        servers: Arc<Servers>,
        attempt: usize,
        last_node: Option<&Address>,
        channel: &str,
        messages: broadcast::Sender<Option<String>>,
    ) -> Result<(Self, Driver), Reason> {
        let link: Link = servers.open(attempt, last_node, &forwarded_to(messages)).await?;
        link.subscribe(channel).await?;
        let (address, connection, driver) = link.into_parts();
        let session = Self { servers, address, connection, answers: watch::Sender::default(), end: watch::Sender::default() };
        Ok((session, driver))
    }

    /// Sends a command; if the keys are moving to another node of the cluster, to that node.
    ///
    /// Sets no time limit of its own.
    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, Reason> {
        match self.send_here(command).await {
            Err(Reason::Ask { to }) => self.send_after_asking(&to, command).await,
            answer => answer,
        }
    }

    /// Sends a command to the server of this session, and records what the answer says about the server.
    async fn send_here(&self, command: &Cmd) -> Result<Value, Reason> {
        let answer = command.query_async::<Value>(&mut self.connection.clone()).await;
        let answer = answer.map_err(|error| Reason::of(&self.address, error));
        let failure = answer.as_ref().err();
        if failure.is_none_or(Reason::is_answer) {
            self.answers.send_replace(());
        }
        // A broken connection also ends its driver, but the driver does not know the reason.
        if let Some(reason) = failure.filter(|reason| reason.ends_session()) {
            self.end.send_replace(Some(reason.clone()));
        }
        answer
    }

    /// Sends a command to the node that imports the slot. Each command gets its own connection, since `ASKING` applies only to the command
    /// that follows it. A migration is rare and short.
    async fn send_after_asking(&self, node: &Address, command: &Cmd) -> Result<Value, Reason> {
        let nothing: Pushes = Arc::new(|_: PushInfo| Ok::<(), SendError>(()));
        let link = self.servers.link(node, &nothing).await?;
        link.ask(&cmd("ASKING")).await?;
        link.ask(command).await
    }

    /// Waits until the session must end, and returns why.
    pub(super) async fn ended(&self, mut driver: Driver) -> Reason {
        let mut end = self.end.subscribe();
        tokio::select! {
            biased;
            end = end.wait_for(Option::is_some) => end.ok().and_then(|end| end.clone()).unwrap_or(Reason::Ended),
            () = self.silence() => Reason::Silent { address: self.address.clone(), limit: SILENCE_LIMIT },
            () = driver.ended() => Reason::Closed { address: self.address.clone() },
        }
    }

    /// Returns when the server has not answered for `SILENCE_LIMIT`, although it was probed.
    async fn silence(&self) {
        let mut answers = self.answers.subscribe();
        let silent = async { while timeout(SILENCE_LIMIT, answers.changed()).await.is_ok() {} };
        tokio::select! {
            () = silent => {}
            () = self.probe() => {}
        }
    }

    /// Probes the server whenever no answer has come for `PROBE_AFTER`.
    ///
    /// The probe is `TYPE`, not `PING`: our required privileges include it, and a cluster node that has lost the keys answers it with a
    /// redirection.
    async fn probe(&self) {
        let mut answers = self.answers.subscribe();
        loop {
            while timeout(PROBE_AFTER, answers.changed()).await.is_ok() {}
            // `send_here` records the answer.
            drop(self.send_here(cmd("TYPE").arg(&self.servers.key)).await);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Returns a receiver of push messages that forwards the messages of a subscription.
fn forwarded_to(messages: broadcast::Sender<Option<String>>) -> Pushes {
    Arc::new(move |push: PushInfo| {
        if push.kind == PushKind::Message
            && let [_channel, message] = &push.data[..]
        {
            let message = String::from_redis_value_ref(message).unwrap_or_default();
            // Without a receiver, sending fails, and that is no error here.
            drop(messages.send(Some(message)));
        }
        Ok::<(), SendError>(())
    })
}
