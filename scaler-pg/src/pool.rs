//! Pool of sessions with the host that takes writes.
//!
//! `sqlx::Pool` has one set of options. It does not look for the host that takes writes, does not read a password file again, and does not
//! back off from a full server; and it opens as many sessions at once as are requested.
//!
//! This pool opens its sessions one at a time, only on demand, and after a random wait if sessions were lost. So a server that comes back
//! gets its clients one after the other. After a full server, the pool backs off exponentially.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scaler_core::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::circuit::Circuit;
use crate::error::{Finding, Target, classify};
use crate::hosts::{Hosts, plain};
use crate::idle::{IdleSessions, Purpose};
use crate::password::PasswordFile;

/// Maximum time to close a session. Its server may be gone.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

/// Opens sessions and lends them.
pub(crate) struct Pool {
    hosts: Hosts,
    password: Option<PasswordFile>,
    purpose: Purpose,
    idle: Arc<IdleSessions>,
    /// Number of losses of sessions when this pool last opened one.
    losses: AtomicU64,
    circuit: Circuit,
    places: Semaphore,
    opening: tokio::sync::Mutex<()>,
    connect_timeout: Duration,
    reconnect_spread: Duration,
}

/// Size of a pool, and limits for opening its sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolOptions {
    pub(crate) purpose: Purpose,
    pub(crate) most: u32,
    pub(crate) connect_timeout: Duration,
    pub(crate) reconnect_spread: Duration,
}

/// A session in use. It is closed when dropped, since an answer may still be pending then.
pub(crate) struct Lent<'a> {
    connection: PgConnection,
    pool: &'a Pool,
    _place: SemaphorePermit<'a>,
}

/// Reason for which a host was skipped.
#[derive(Debug, thiserror::Error)]
enum PassedOver {
    #[error("the server is read-only (a standby)")]
    ReadOnly,
    #[error("no answer within {0:?}")]
    Slow(Duration),
    /// SASLprep has failed.
    #[error("the user or password contains a character that SCRAM authentication prohibits")]
    Unpreparable,
    #[error(transparent)]
    Failed(#[from] sqlx::Error),
}

impl Pool {
    pub(crate) fn new(hosts: Hosts, password: Option<PasswordFile>, idle: Arc<IdleSessions>, options: PoolOptions) -> Self {
        Self {
            hosts,
            password,
            purpose: options.purpose,
            idle,
            losses: AtomicU64::new(0),
            circuit: Circuit::new(),
            places: Semaphore::new(usize::try_from(options.most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS)),
            opening: tokio::sync::Mutex::default(),
            connect_timeout: options.connect_timeout,
            reconnect_spread: options.reconnect_spread,
        }
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.hosts.target
    }

    /// Returns a session within this time. The session may be broken: a test before each use would cost a round trip.
    pub(crate) async fn lend(&self, within: Duration, during: &'static str) -> Result<Lent<'_>, StoreError> {
        timeout(within, self.lend_at_last(during)).await.unwrap_or_else(|_| {
            let finding = Finding::NoConnection { target: self.target().clone(), waited: within };
            Err(StoreError::Unavailable { during, source: Box::new(finding) })
        })
    }

    async fn lend_at_last(&self, during: &'static str) -> Result<Lent<'_>, StoreError> {
        let place = self.places.acquire().await.map_err(|closed| StoreError::Unavailable { during, source: Box::new(closed) })?;
        let lent = |connection| Lent { connection, pool: self, _place: place };
        if let Some(connection) = self.idle.take(self.purpose) {
            return Ok(lent(connection));
        }
        let _one_at_a_time = self.opening.lock().await;
        if let Some(connection) = self.idle.take(self.purpose) {
            return Ok(lent(connection));
        }
        if let Some(wait) = self.circuit.wait() {
            let finding = Finding::Full { target: self.target().clone(), wait };
            return Err(StoreError::Unavailable { during, source: Box::new(finding) });
        }
        let losses = self.idle.losses();
        if self.losses.swap(losses, Ordering::Relaxed) != losses {
            tokio::time::sleep(self.reconnect_spread.mul_f64(fastrand::f64())).await;
        }
        self.open(during).await.map(lent)
    }

    /// Closes all idle sessions of this store, so that the next session is a new one.
    pub(crate) fn forget_all(&self) {
        self.idle.forget_all();
    }

    /// Tries the hosts in turn, beginning with the one that took writes last. Each gets an equal share of the connect timeout, so that an
    /// unreachable host leaves enough for the next one.
    async fn open(&self, during: &'static str) -> Result<PgConnection, StoreError> {
        let count = self.hosts.each.len();
        let share = self.connect_timeout / u32::try_from(count).unwrap_or(u32::MAX);
        let best = self.idle.best_host();
        let password = self.password(during).await?;
        let is_plain = self.hosts.login_is_plain && password.as_deref().is_none_or(|password| plain(password.bytes()));
        let mut passed_over = Vec::new();
        for place in (0..count).map(|step| (best + step) % count) {
            let (target, options) = &self.hosts.each[place];
            let options = password.iter().fold(options.clone(), |options, password| options.password(password));
            let opened = timeout(share, self.open_one(&options)).await;
            if opened.is_err() {
                self.circuit.heed_silence();
            }
            match opened.unwrap_or(Err(PassedOver::Slow(share))) {
                Ok(connection) => {
                    self.idle.set_best_host(place);
                    return Ok(connection);
                }
                // The library's message would show a character of the password.
                Err(PassedOver::Failed(sqlx::Error::Configuration(_))) if !is_plain => {
                    passed_over.push((target, PassedOver::Unpreparable));
                }
                Err(why) => passed_over.push((target, why)),
            }
        }
        Err(self.nowhere(during, passed_over))
    }

    /// Returns the connection options of the host that took writes last, with the current password.
    pub(crate) async fn best_host(&self, during: &'static str) -> Result<PgConnectOptions, StoreError> {
        let (_, options) = &self.hosts.each[self.idle.best_host()];
        let password = self.password(during).await?;
        Ok(password.iter().fold(options.clone(), |options, password| options.password(password)))
    }

    /// Returns the current content of the password file; `None` if there is no such file.
    async fn password(&self, during: &'static str) -> Result<Option<String>, StoreError> {
        let Some(file) = &self.password else { return Ok(None) };
        file.read().await.map(Some).map_err(|source| {
            let finding = Finding::PasswordFile { target: self.target().clone(), path: file.path().to_owned(), source };
            StoreError::Unavailable { during, source: Box::new(finding) }
        })
    }

    /// Opens a session with one host. The library looks up the host name and reads the certificates again each time.
    async fn open_one(&self, options: &PgConnectOptions) -> Result<PgConnection, PassedOver> {
        let answer = PgConnection::connect_with(options).await;
        self.circuit.heed(&answer);
        let mut connection = answer?;
        if self.hosts.must_take_writes {
            let asked = sqlx::raw_sql("select current_setting('transaction_read_only')").fetch_one(&mut connection).await?;
            if sqlx::Row::try_get::<&str, _>(&asked, 0)? == "on" {
                return Err(PassedOver::ReadOnly);
            }
        }
        Ok(connection)
    }

    /// Returns the error of an attempt that failed on all hosts. A permanent error takes precedence.
    fn nowhere(&self, during: &'static str, passed_over: Vec<(&Target, PassedOver)>) -> StoreError {
        let said = passed_over.iter().map(|(target, why)| format!("{target}: {why}")).collect::<Vec<_>>().join("; ");
        let mut told: Option<StoreError> = None;
        let one = passed_over.len() == 1;
        for (target, why) in passed_over {
            let error = match why {
                PassedOver::Failed(error) => classify(during, target, error),
                PassedOver::Unpreparable => {
                    let source = Box::new(Finding::Unpreparable { target: target.clone() });
                    StoreError::Refused { during, source }
                }
                PassedOver::ReadOnly | PassedOver::Slow(_) => continue,
            };
            if one || error.class() == scaler_core::ErrorClass::Permanent {
                told.get_or_insert(error);
            }
        }
        told.unwrap_or_else(|| {
            let finding = Finding::Nowhere { target: self.target().clone(), said };
            StoreError::Unavailable { during, source: Box::new(finding) }
        })
    }
}

impl Lent<'_> {
    /// Returns the session to the pool.
    pub(crate) fn give_back(self) {
        self.pool.idle.put(self.pool.purpose, self.connection);
    }

    /// Closes the session gracefully.
    pub(crate) async fn close(self) {
        // An error does not matter: the session is not used any more.
        let _ = timeout(CLOSED_WITHIN, self.connection.close()).await;
    }
}

impl Deref for Lent<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("target", &self.hosts.target).finish_non_exhaustive()
    }
}
