//! Sessions of a store: from its own pool, or from the pool of the service that it is a part of.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use scaler_core::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::time::timeout;

use crate::error::{Finding, Target, classify};
use crate::pool::{Lent, Pool};

/// Source of sessions.
#[derive(Debug)]
pub(crate) enum Sessions {
    /// The store's own pool.
    Own(Box<Pool>),
    /// The pool of the service, with its own limits and settings.
    Shared(PgPool, Target),
}

/// A session in use. It is closed when dropped, since an answer may still be pending then.
pub(crate) enum Session<'a> {
    Own(Lent<'a>),
    Shared(SharedSession),
}

/// A session of a shared pool.
pub(crate) struct SharedSession {
    connection: PoolConnection<Postgres>,
    /// True if no answer is pending.
    may_return: bool,
}

impl Sessions {
    pub(crate) fn shared(pool: PgPool) -> Self {
        let target = Target::of(&pool.connect_options());
        Self::Shared(pool, target)
    }

    pub(crate) const fn target(&self) -> &Target {
        match self {
            Self::Own(pool) => pool.target(),
            Self::Shared(_, target) => target,
        }
    }

    /// Returns a session within this time.
    pub(crate) async fn lend(&self, within: Duration, during: &'static str) -> Result<Session<'_>, StoreError> {
        match self {
            Self::Own(pool) => pool.lend(within, during).await.map(Session::Own),
            Self::Shared(pool, target) => match timeout(within, pool.acquire()).await {
                Ok(Ok(connection)) => Ok(Session::Shared(SharedSession { connection, may_return: false })),
                Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_) => {
                    let finding = Finding::NoConnection { target: target.clone(), waited: within };
                    Err(StoreError::Unavailable { during, source: Box::new(finding) })
                }
                Ok(Err(error)) => Err(classify(during, target, error)),
            },
        }
    }

    /// Returns the connection options of the host that took writes last.
    pub(crate) async fn best_host(&self, during: &'static str) -> Result<PgConnectOptions, StoreError> {
        match self {
            Self::Own(pool) => pool.best_host(during).await,
            Self::Shared(pool, _) => Ok(PgConnectOptions::clone(&pool.connect_options())),
        }
    }

    /// Closes all idle sessions of the store's own pool. A shared pool tests its sessions itself.
    pub(crate) fn forget_all(&self) {
        if let Self::Own(pool) = self {
            pool.forget_all();
        }
    }
}

impl Session<'_> {
    /// Returns the session to its pool.
    pub(crate) fn give_back(self) {
        match self {
            Self::Own(session) => session.give_back(),
            Self::Shared(mut session) => session.may_return = true,
        }
    }

    /// Closes the session gracefully.
    pub(crate) async fn close(self) {
        match self {
            Self::Own(session) => session.close().await,
            Self::Shared(session) => drop(session),
        }
    }
}

impl Drop for SharedSession {
    fn drop(&mut self) {
        if !self.may_return {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Session<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Own(session) => session,
            Self::Shared(session) => &session.connection,
        }
    }
}

impl DerefMut for Session<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Own(session) => session,
            Self::Shared(session) => &mut session.connection,
        }
    }
}
