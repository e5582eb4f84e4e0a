//! One connection to one server, logged in.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Cmd, ProtocolVersion, RedisConnectionInfo, RedisError, Value, cmd};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::dial::dial;
use crate::reason::Reason;
use crate::target::{Address, Credentials};
use crate::tls::Connector;

/// Receiver of push messages from a server: the messages of subscriptions.
pub(super) type Pushes = Arc<dyn AsyncPushSender>;

/// Maximum time for the log-in, and for each command that is sent before the connection is used.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// A connection to one server, logged in. Dropping it closes the socket.
pub(super) struct Link {
    pub(super) address: Address,
    connection: MultiplexedConnection,
    driver: Driver,
}

/// The task that reads and writes the socket. Dropping it closes the socket.
pub(super) struct Driver(JoinSet<()>);

impl Driver {
    /// Waits until the connection has ended, for whatever reason.
    pub(super) async fn ended(&mut self) {
        self.0.join_next().await;
    }
}

/// Parameters of a log-in to Redis.
#[derive(Clone, Copy)]
pub(super) struct LogIn<'a> {
    pub(super) tls: Option<&'a Connector>,
    pub(super) credentials: &'a Credentials,
    pub(super) database: i64,
}

impl Link {
    /// Opens a RESP3 connection that forwards push messages to `pushes`.
    pub(super) async fn open(address: &Address, log_in: LogIn<'_>, pushes: Pushes) -> Result<Self, Reason> {
        let mut info = plain().set_protocol(ProtocolVersion::RESP3).set_db(log_in.database);
        let Credentials { username, password } = log_in.credentials;
        if let Some(username) = username {
            // Without a password, the library would omit the user, too; an ACL user with `nopass` accepts any password.
            info = info.set_username(username).set_password("");
        }
        if let Some(password) = password {
            info = info.set_password(password);
        }
        Self::set_up(address, log_in.tls, info, unlimited().set_push_sender(pushes)).await
    }

    /// Opens a connection to a Sentinel.
    ///
    /// It uses RESP2, which Sentinels of every version speak. There, the library hides why a log-in failed, so this function sends `AUTH`
    /// itself.
    pub(super) async fn to_sentinel(address: &Address, log_in: LogIn<'_>) -> Result<Self, Reason> {
        let link = Self::set_up(address, log_in.tls, plain(), unlimited()).await?;
        if let Some(password) = &log_in.credentials.password {
            link.ask(cmd("AUTH").arg(log_in.credentials.username.as_ref()).arg(password)).await?;
        }
        Ok(link)
    }

    async fn set_up(
        address: &Address,
        tls: Option<&Connector>,
        info: RedisConnectionInfo,
        config: AsyncConnectionConfig,
    ) -> Result<Self, Reason> {
        let stream = dial(address, tls).await?;
        let set_up = timeout(ANSWER_LIMIT, MultiplexedConnection::new_with_config(&info, stream, config)).await;
        let (connection, driver) = set_up.map_err(|_| silent(address))?.map_err(|error| Reason::of(address, error))?;
        let mut tasks = JoinSet::new();
        tasks.spawn(driver);
        Ok(Self { address: address.clone(), connection, driver: Driver(tasks) })
    }

    /// Sends a command and waits for its answer for a limited time.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, Reason> {
        let answer = timeout(ANSWER_LIMIT, command.query_async(&mut self.connection.clone())).await;
        answer.map_err(|_| silent(&self.address))?.map_err(|error| Reason::of(&self.address, error))
    }

    /// Subscribes to the channel.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<(), Reason> {
        let subscribed = timeout(ANSWER_LIMIT, self.connection.clone().subscribe(channel)).await;
        subscribed.map_err(|_| silent(&self.address))?.map_err(|error: RedisError| Reason::of(&self.address, error))
    }

    /// Splits the link into address, connection and the task that drives it.
    pub(super) fn into_parts(self) -> (Address, MultiplexedConnection, Driver) {
        (self.address, self.connection, self.driver)
    }
}

/// Returns connection settings without `CLIENT SETINFO`, which needs a privilege of its own.
fn plain() -> RedisConnectionInfo {
    RedisConnectionInfo::default().set_skip_set_lib_name()
}

/// Returns a configuration without a response timeout. This crate sets its own time limits, so that a late answer still shows that the server
/// is alive.
fn unlimited() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_response_timeout(None)
}

fn silent(address: &Address) -> Reason {
    Reason::Silent { address: address.clone(), limit: ANSWER_LIMIT }
}
