//! A few sessions with whichever host takes writes.
//!
//! `sqlx::Pool` knows one set of options: it neither looks for the host that takes writes, nor reads a password file again, nor backs off
//! from a full server, and it opens as many sessions at once as are asked for.
//!
//! The sessions of this crate are opened one at a time, never by the clock, and, after they were lost, after a random wait: a server that
//! comes back meets its clients one after the other. One that is full is left alone for longer each time.

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

/// How long the end of a session may take. Its server may be gone.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

/// Opens sessions and lends them.
pub(crate) struct Pool {
    hosts: Hosts,
    password: Option<PasswordFile>,
    purpose: Purpose,
    idle: Arc<IdleSessions>,
    /// The losses of sessions after which this pool has opened one.
    losses: AtomicU64,
    circuit: Circuit,
    places: Semaphore,
    opening: tokio::sync::Mutex<()>,
    connect_timeout: Duration,
    reconnect_spread: Duration,
}

/// How many sessions a pool has, and how it opens them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolOptions {
    pub(crate) purpose: Purpose,
    pub(crate) most: u32,
    pub(crate) connect_timeout: Duration,
    pub(crate) reconnect_spread: Duration,
}

/// A session in use. It is closed when it is dropped, since nobody knows then what it still has to say.
pub(crate) struct Lent<'a> {
    connection: PgConnection,
    pool: &'a Pool,
    _place: SemaphorePermit<'a>,
}

/// Why a host was passed over.
#[derive(Debug, thiserror::Error)]
enum PassedOver {
    #[error("it does not take writes")]
    ReadOnly,
    #[error("no answer within {0:?}")]
    Slow(Duration),
    /// SASLprep has failed.
    #[error("user or password holds a character that SCRAM authentication cannot send")]
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

    /// A session within this time, which may turn out to be broken when it is used: to try it before would cost a round trip each time.
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

    /// Lets the next session be a new one, and all idle ones of this store go.
    pub(crate) fn forget_all(&self) {
        self.idle.forget_all();
    }

    /// Tries the hosts in turn, the one that took writes last before the others. Each gets its share of the time, so that one that
    /// vanished leaves enough for the next.
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
                // What the library says of it would show a character of the password.
                Err(PassedOver::Failed(sqlx::Error::Configuration(_))) if !is_plain => {
                    passed_over.push((target, PassedOver::Unpreparable));
                }
                Err(why) => passed_over.push((target, why)),
            }
        }
        Err(self.nowhere(during, passed_over))
    }

    /// The password as it is now, if it stands in a file.
    async fn password(&self, during: &'static str) -> Result<Option<String>, StoreError> {
        let Some(file) = &self.password else { return Ok(None) };
        file.read().await.map(Some).map_err(|source| {
            let finding = Finding::PasswordFile { target: self.target().clone(), path: file.path().to_owned(), source };
            StoreError::Unavailable { during, source: Box::new(finding) }
        })
    }

    /// The library looks the host's name up and reads the certificates anew each time.
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

    /// What waiting does not mend is told before all else.
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
    /// Gives the session back for others to use.
    pub(crate) fn give_back(self) {
        self.pool.idle.put(self.pool.purpose, self.connection);
    }

    /// Closes the session in good order.
    pub(crate) async fn close(self) {
        // It is of no use any more, however it ends.
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
