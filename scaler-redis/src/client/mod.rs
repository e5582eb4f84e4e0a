//! Redis client that replaces its connection whenever the server stops answering.
//!
//! Only this module and [`reason`](crate::reason) use the client library, [`redis`]. A [session](session::Session) is one connection to the
//! one server that has our keys. It carries both the calls and the subscription, so both end together. The [supervisor](supervisor) owns the
//! current session and replaces it as a whole: it looks up names again, asks Sentinels or the cluster again, and opens a new socket.
//!
//! The library's own `ConnectionManager` is not used: it does not reconnect after a timeout (`RedisError::is_unrecoverable_error`), so it
//! keeps the connection to an unreachable peer until the kernel gives up after 15 minutes.
//!
//! `fred` (10.1) is not used either. Even if its session were replaced as a whole, it would
//!
//! - not open in a cluster while any primary is unreachable, even one that has none of our keys (`router/clustered.rs`, `sync`: `try_join_all`);
//! - not open when the first address of a name is unreachable: one time limit covers all of them (`protocol/connection.rs`, `create` and
//!   `tcp_connect_any`);
//! - send user and password in an inline `HELLO`, where a space ends a word and a line feed ends the command (`redis-protocol`,
//!   `resp3/encode.rs`, `gen_hello`), or need a second connection for subscriptions (RESP2);
//! - hide the reason for which a Sentinel refuses (`router/sentinel.rs`, `connect_to_sentinel`).

mod call;
mod dial;
mod link;
mod reply;
mod servers;
mod session;
mod staggered;
mod supervisor;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value, cmd};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::RedisConfig;
use crate::error::Failure;
use crate::password::PasswordFile;
use crate::reason::Reason;
use crate::target::Target;
use crate::tls::Connector;

use reply::{text, texts};
use servers::Servers;
use session::Session;
use supervisor::{State, Supervisor};

/// Messages kept for each receiver. A receiver that falls further behind lags.
const MESSAGES_KEPT: usize = 64;

/// Redis client that reconnects automatically.
pub(crate) struct Client {
    url: Arc<str>,
    command_timeout: Duration,
    state: watch::Receiver<State>,
    messages: broadcast::Sender<Option<String>>,
    /// Supervisor task. It ends when this is dropped, and closes the connection.
    _supervisor: JoinSet<()>,
}

impl Client {
    /// Connects and subscribes to the channel. After the command timeout, it continues in the background.
    ///
    /// `key` is one of the keys that calls use. In a cluster, the client connects to the node that has it.
    pub(crate) async fn connect(config: &RedisConfig, key: &str, channel: &str) -> Result<Self, Failure> {
        let url: Arc<str> = config.public_url().into();
        let target = Target::parse(&config.url).map_err(|why| Failure::Url { url: url.clone(), why })?;
        let tls = target.tls.then(|| Connector::new(&config.tls)).transpose()?;
        let (messages, _) = broadcast::channel(MESSAGES_KEPT);
        let (state, mut first_state) = watch::channel(State::Away(Reason::NotYet));
        let servers =
            Servers { target, password_file: config.password_file.clone().map(PasswordFile::new), tls, key: key.to_owned() };
        let supervisor = Supervisor::new(servers, channel, state, messages.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(supervisor.run());
        let client =
            Self { url, command_timeout: config.command_timeout, state: first_state.clone(), messages, _supervisor: tasks };
        if timeout(config.command_timeout, first_state.changed()).await.is_ok()
            && let Err(failure) = client.session()
            && failure.is_permanent()
        {
            return Err(failure);
        }
        Ok(client)
    }

    /// Returns the URL without its secrets.
    pub(crate) fn url(&self) -> Arc<str> {
        self.url.clone()
    }

    /// Runs a script that returns a list of texts.
    pub(crate) async fn run(
        &self,
        script: &'static str,
        keys: Vec<String>,
        arguments: Vec<String>,
    ) -> Result<Vec<String>, Failure> {
        let mut eval = cmd("EVAL");
        eval.arg(script).arg(keys.len()).arg(keys).arg(arguments);
        Ok(texts(&self.call(&eval).await?))
    }

    /// Returns the type of the value at this key; "none" if there is no value.
    pub(crate) async fn type_of(&self, key: &str) -> Result<String, Failure> {
        Ok(text(&self.call(cmd("TYPE").arg(key)).await?))
    }

    /// Publishes a message on the channel.
    pub(crate) async fn publish(&self, channel: &str, message: String) -> Result<(), Failure> {
        self.call(cmd("PUBLISH").arg(channel).arg(message)).await.map(drop)
    }

    /// Returns a receiver of the channel's messages: `Some(message)` for each, `None` when messages may have been lost.
    ///
    /// `None` comes after every connect and reconnect. A receiver must treat [`RecvError::Lagged`] as `None`, too.
    ///
    /// [`RecvError::Lagged`]: broadcast::error::RecvError::Lagged
    pub(crate) fn nudges(&self) -> broadcast::Receiver<Option<String>> {
        self.messages.subscribe()
    }

    /// Sends a command; fails at once while there is no session.
    async fn call(&self, command: &Cmd) -> Result<Value, Failure> {
        let call = call::call(command, self.state.clone());
        match timeout(self.command_timeout, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(Failure::of(reason, &self.url)),
            // If there is no session, its reason says more than the missing answer.
            Err(_) => Err(self.session().err().unwrap_or_else(|| self.unanswered())),
        }
    }

    fn session(&self) -> Result<Arc<Session>, Failure> {
        self.state.borrow().session().map_err(|reason| Failure::of(reason, &self.url))
    }

    fn unanswered(&self) -> Failure {
        Failure::Unanswered { url: self.url.clone(), limit: self.command_timeout }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}
