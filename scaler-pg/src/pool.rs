//! A few sessions with whichever host takes writes.
//!
//! The sessions of this crate are opened one at a time, never by the clock, and, after they were lost, after a random wait: a server that
//! comes back meets its clients one after the other. One that is full is left alone for longer each time.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use scaler_core::{Clock, StoreError, TokioClock};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::circuit::Circuit;
use crate::error::{Finding, Target, classify};
use crate::hosts::Hosts;

/// A session that nobody has needed for so long is closed: others may want its place.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// Sessions that are kept for the next call.
pub(crate) struct Pool {
    hosts: Hosts,
    /// The place of the host that took writes last.
    best: AtomicUsize,
    /// With when each was last in use; the last one is used next.
    idle: Mutex<Vec<(Duration, PgConnection)>>,
    clock: TokioClock,
    circuit: Circuit,
    /// Set when a session was lost, until the next one is open.
    lost: Mutex<bool>,
    places: Semaphore,
    opening: tokio::sync::Mutex<()>,
    connect_timeout: Duration,
    reconnect_spread: Duration,
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
    #[error(transparent)]
    Failed(#[from] sqlx::Error),
}

impl Pool {
    pub(crate) fn new(hosts: Hosts, most: u32, connect_timeout: Duration, reconnect_spread: Duration) -> Self {
        Self {
            hosts,
            best: AtomicUsize::new(0),
            idle: Mutex::default(),
            clock: TokioClock::start(),
            circuit: Circuit::new(),
            lost: Mutex::default(),
            places: Semaphore::new(usize::try_from(most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS)),
            opening: tokio::sync::Mutex::default(),
            connect_timeout,
            reconnect_spread,
        }
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.hosts.target
    }

    /// A session, which may turn out to be broken when it is used: to try it before would cost a round trip each time.
    pub(crate) async fn lend(&self, during: &'static str) -> Result<Lent<'_>, StoreError> {
        let none = || {
            let finding = Finding::NoConnection { target: self.target().clone(), waited: self.connect_timeout };
            StoreError::Unavailable { during, source: Box::new(finding) }
        };
        let place = timeout(self.connect_timeout, self.places.acquire()).await.ok().and_then(Result::ok).ok_or_else(none)?;
        let lent = |connection| Lent { connection, pool: self, _place: place };
        if let Some(connection) = self.take_idle() {
            return Ok(lent(connection));
        }
        let _one_at_a_time = self.opening.lock().await;
        if let Some(connection) = self.take_idle() {
            return Ok(lent(connection));
        }
        if let Some(wait) = self.circuit.wait() {
            let finding = Finding::Full { target: self.target().clone(), wait };
            return Err(StoreError::Unavailable { during, source: Box::new(finding) });
        }
        if std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner)) {
            tokio::time::sleep(self.reconnect_spread.mul_f64(fastrand::f64())).await;
        }
        self.open(during).await.map(lent)
    }

    /// Lets the next session be a new one, and all other idle ones go: what befell one has befallen all.
    pub(crate) fn forget_all(&self) {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take_idle(&self) -> Option<PgConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().map(|(_, connection)| connection)
    }

    /// Tries the hosts in turn, the one that took writes last before the others; each gets its share of the time.
    async fn open(&self, during: &'static str) -> Result<PgConnection, StoreError> {
        let count = self.hosts.each.len();
        let share = self.connect_timeout / u32::try_from(count).unwrap_or(u32::MAX);
        let best = self.best.load(Ordering::Relaxed);
        let mut passed_over = Vec::new();
        for place in (0..count).map(|step| (best + step) % count) {
            let (target, options) = &self.hosts.each[place];
            let opened = timeout(share, self.open_one(options)).await;
            if opened.is_err() {
                self.circuit.opens();
            }
            match opened.unwrap_or(Err(PassedOver::Slow(share))) {
                Ok(connection) => {
                    self.best.store(place, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(why) => passed_over.push((target, why)),
            }
        }
        Err(self.nowhere(during, passed_over))
    }

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
            if let PassedOver::Failed(error) = why {
                let error = classify(during, target, error);
                if one || error.class() == scaler_core::ErrorClass::Permanent {
                    told.get_or_insert(error);
                }
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
        let now = self.pool.clock.now();
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(used, _)| now.saturating_sub(*used) < IDLE_FOR);
        idle.push((now, self.connection));
    }

    /// Closes the session in good order.
    pub(crate) async fn close(self) {
        // It is of no use any more, however it ends.
        let _ = self.connection.close().await;
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
