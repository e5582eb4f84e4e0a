//! The connection to Redis: the only module that knows the client library.
//!
//! One connection carries both calls and nudges (protocol RESP3), so that the calls, which come every second, also
//! find out when the nudges no longer come.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface, KeysInterface, LuaInterface, PubsubInterface};
use fred::prelude::{Builder, ClientState, Config, Options, ReconnectPolicy, Server, Value};
use fred::types::config::{TlsConnector, UnresponsiveConfig};
use fred::types::{ClusterHash, Message, RespVersion};
use rustls::ClientConfig;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::config::RedisConfig;
use crate::error::Failure;

/// How a URL may begin: one Redis, a cluster, or one that Sentinels know; each has a form for TLS with an s behind `redis`.
const SCHEMES: [&str; 3] = ["redis", "redis-cluster", "redis-sentinel"];
/// How the scheme of a Redis begins that is reached over TLS.
const OVER_TLS: &str = "rediss";
/// A connection is given up when an answer is missing for so many command timeouts.
const UNRESPONSIVE_AFTER: u32 = 3;
/// Name look-up, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// As the library writes it.
const FOR_EVER: u32 = 0;
const FIRST_RETRY_MS: u32 = 20;
const LAST_RETRY_MS: u32 = 500;
/// So that many workers do not come back in one instant, and yet each within a second.
const JITTER_MS: u32 = 500;
const RESUBSCRIBE_AFTER: Duration = Duration::from_secs(1);
/// Calls that wait at one time; more are refused.
const MOST_WAITING: usize = 1000;
/// Messages kept for each receiver. A receiver that falls further behind gets [`RecvError::Lagged`].
const MESSAGES_KEPT: usize = 64;

/// A connection that comes back by itself.
pub(crate) struct Client {
    redis: fred::clients::Client,
    url: Arc<str>,
    nudges: broadcast::Sender<Option<String>>,
    trouble: Trouble,
    tasks: [AbortHandle; 2],
}

impl Client {
    /// Connects and subscribes; after the command timeout it goes on doing so in the background.
    pub(crate) async fn connect(config: &RedisConfig, channel: &str) -> Result<Self, Failure> {
        let url: Arc<str> = config.public_url().into();
        let tls = if config.url.starts_with(OVER_TLS) { Some(config.tls.connector()?) } else { None };
        let redis = build(config, tls).map_err(|error| Failure::Url { url: url.clone(), why: error.details().to_owned() })?;
        let (nudges, mut first_nudge) = broadcast::channel(MESSAGES_KEPT);
        let mut errors = redis.error_rx();
        let listener = Listener {
            connections: redis.reconnect_rx(),
            errors: redis.error_rx(),
            messages: redis.message_rx(),
            redis: redis.clone(),
            channel: channel.to_owned(),
            nudges: nudges.clone(),
            trouble: Trouble::default(),
        };
        let trouble = listener.trouble.clone();
        let tasks = [tokio::spawn(listener.run()).abort_handle(), redis.connect().abort_handle()];
        let client = Self { redis, url, nudges, trouble, tasks };
        let first_error = async {
            tokio::select! {
                _ = first_nudge.recv() => None,
                error = errors.recv() => error.ok(),
            }
        };
        match tokio::time::timeout(config.command_timeout, first_error).await {
            Ok(Some((error, _))) => match client.failure(&error) {
                Failure::Away { .. } | Failure::Unanswered { .. } => Ok(client),
                hopeless => Err(hopeless),
            },
            Ok(None) | Err(_) => Ok(client),
        }
    }

    /// The URL as it may be printed.
    pub(crate) fn url(&self) -> Arc<str> {
        self.url.clone()
    }

    /// Runs a script that gives a list of texts.
    pub(crate) async fn run(
        &self,
        script: &'static str,
        keys: Vec<String>,
        arguments: Vec<String>,
    ) -> Result<Vec<String>, Failure> {
        let answer = self.connected()?.eval(script, keys, arguments).await.map(texts);
        let failure = match answer {
            Ok(texts) => return Ok(texts),
            Err(error) => self.failure(&error),
        };
        if matches!(&failure, Failure::Away { answer, .. } if says(answer, "READONLY")) {
            // It has become a replica; who asks again is led to the one that takes writes. Where that fails, there is no connection.
            let _ = self.redis.force_reconnection().await;
        }
        Err(failure)
    }

    /// The type of what is kept at this key, "none" where nothing is.
    pub(crate) async fn type_of(&self, key: &str) -> Result<String, Failure> {
        self.connected()?.r#type(key).await.map_err(|error| self.failure(&error))
    }

    /// Publishes a message on the channel.
    pub(crate) async fn publish(&self, channel: &str, message: String) -> Result<(), Failure> {
        self.connected()?.publish(channel, message).await.map_err(|error| self.failure(&error))
    }

    /// Messages published on the channel: `Some(message)` for each, `None` when messages may have been lost.
    ///
    /// `None` comes after every connect and reconnect. A receiver must treat [`RecvError::Lagged`] as `None`, too.
    pub(crate) fn nudges(&self) -> broadcast::Receiver<Option<String>> {
        self.nudges.subscribe()
    }

    /// Calls fail at once while there is no connection: the library would let them wait for one.
    fn connected(&self) -> Result<&fred::clients::Client, Failure> {
        if self.redis.state() == ClientState::Connected { Ok(&self.redis) } else { Err(self.disconnected()) }
    }

    fn disconnected(&self) -> Failure {
        let url = self.url.clone();
        match self.trouble.read() {
            Some(trouble) if trouble.kind() == &ErrorKind::Auth => Failure::Denied { url, answer: words(&trouble) },
            Some(trouble) => Failure::Away { url, answer: words(&trouble) },
            None => Failure::Away { url, answer: "not connected yet".to_owned() },
        }
    }

    fn failure(&self, error: &Error) -> Failure {
        let (url, answer) = (self.url.clone(), words(error));
        match error.kind() {
            ErrorKind::Auth => Failure::Denied { url, answer },
            // The connection broke, and the call waited for the next one.
            ErrorKind::Timeout if self.redis.state() != ClientState::Connected => self.disconnected(),
            ErrorKind::Timeout => Failure::Unanswered { url, answer },
            ErrorKind::Config | ErrorKind::Url => Failure::Refused { url, answer },
            ErrorKind::InvalidArgument | ErrorKind::Unknown => of_answer(url, answer),
            _ => Failure::Away { url, answer },
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).field("state", &self.redis.state()).finish_non_exhaustive()
    }
}

fn build(config: &RedisConfig, tls: Option<ClientConfig>) -> Result<fred::clients::Client, Error> {
    let (scheme, place) = config.url.split_once("://").unwrap_or_default();
    let scheme = scheme.replacen(OVER_TLS, "redis", 1);
    if !SCHEMES.contains(&scheme.as_str()) {
        return Err(Error::new(ErrorKind::Url, "it starts with neither redis:// nor redis-sentinel:// nor redis-cluster://"));
    }
    let redis = Config {
        // A first connection that fails is tried again like any other.
        fail_fast: false,
        version: RespVersion::RESP3,
        tls: tls.map(|tls| TlsConnector::from(tls).into()),
        ..Config::from_url(&format!("{scheme}://{place}"))?
    };
    let mut policy = ReconnectPolicy::new_exponential(FOR_EVER, FIRST_RETRY_MS, LAST_RETRY_MS, 2);
    policy.set_jitter(JITTER_MS);
    Builder::from_config(redis)
        .set_policy(policy)
        .with_performance_config(|performance| performance.default_command_timeout = config.command_timeout)
        .with_connection_config(|connection| {
            connection.connection_timeout = CONNECT_TIMEOUT;
            connection.internal_command_timeout = config.command_timeout;
            connection.max_command_attempts = 1;
            connection.max_command_buffer_len = MOST_WAITING;
            connection.unresponsive = UnresponsiveConfig {
                max_timeout: Some(config.command_timeout * UNRESPONSIVE_AFTER),
                interval: config.command_timeout,
            };
        })
        .build()
}

/// What went wrong; where a handshake failed, only how, without the library's wrapping.
fn words(error: &Error) -> String {
    let inner = error.details().strip_prefix("Custom { kind: InvalidData, error: ");
    let inner = inner.and_then(|rest| rest.strip_suffix(" }"));
    inner.map_or_else(|| error.details().to_owned(), |inner| format!("TLS: {inner}"))
}

/// Redis begins with a code in capitals, and a script's failure may hold a second one; all else is the library's own
/// word, about its connection.
fn of_answer(url: Arc<str>, answer: String) -> Failure {
    const NOT_READY: [&str; 9] =
        ["LOADING", "BUSY", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "OOM", "MISCONF", "NOREPLICAS"];
    let says = |code: &str| says(&answer, code);
    let is_of_redis = answer.split(' ').next().is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_uppercase()));
    if says("WRONGTYPE") {
        Failure::SomeWrongType { url, answer }
    } else if says("NOPERM") {
        Failure::Denied { url, answer }
    } else if is_of_redis && !NOT_READY.into_iter().any(says) {
        Failure::Refused { url, answer }
    } else {
        Failure::Away { url, answer }
    }
}

/// Whether an answer holds this code of Redis.
fn says(answer: &str, code: &str) -> bool {
    answer.split([' ', ':', '-']).any(|word| word == code)
}

/// Bytes that are no text cannot be ours; they are passed over later, as others' texts are.
fn texts(answer: Value) -> Vec<String> {
    match answer {
        Value::Array(values) => values.iter().map(text).collect(),
        Value::Null => Vec::new(),
        single => vec![text(&single)],
    }
}

fn text(value: &Value) -> String {
    String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()
}

/// Why there was no connection when it was last tried.
#[derive(Clone, Default)]
struct Trouble(Arc<Mutex<Option<Error>>>);

impl Trouble {
    fn read(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, error: Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// Subscribes whenever there is a new connection, and passes nudges on.
struct Listener {
    redis: fred::clients::Client,
    connections: broadcast::Receiver<Server>,
    errors: broadcast::Receiver<(Error, Option<Server>)>,
    messages: broadcast::Receiver<Message>,
    channel: String,
    nudges: broadcast::Sender<Option<String>>,
    trouble: Trouble,
}

impl Listener {
    async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                error = self.errors.recv() => match error {
                    Ok((error, _)) => self.trouble.write(error),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                connection = self.connections.recv() => match connection {
                    Ok(_) | Err(RecvError::Lagged(_)) => self.subscribe().await,
                    Err(RecvError::Closed) => return,
                },
                message = self.messages.recv() => match message {
                    Ok(message) => self.send(Some(text(&message.value))),
                    Err(RecvError::Lagged(_)) => self.send(None),
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    async fn subscribe(&self) {
        // In a cluster with the node that has the keys, so that the calls find out when it is gone.
        let options = Options { cluster_hash: Some(ClusterHash::FirstKey), ..Options::default() };
        while let Err(error) = self.redis.with_options(&options).subscribe(self.channel.as_str()).await {
            self.trouble.write(error);
            sleep(RESUBSCRIBE_AFTER).await;
        }
        // Messages may have been lost until now.
        self.send(None);
    }

    fn send(&self, message: Option<String>) {
        // Without a receiver, sending fails, and that is no error here.
        drop(self.nudges.send(message));
    }
}
