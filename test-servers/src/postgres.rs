//! Postgres servers and databases for tests.

use std::thread;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::runtime;
use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

use crate::authority::ServerCertificate;
use crate::clock::Clock;
use crate::error::NoServer;
use crate::kind::POSTGRES;
use crate::options::ServerOptions;
use crate::server::{Place, Server, or_fail};

/// Postgres server.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    url: String,
}

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

impl Postgres {
    /// Returns the shared server of this process; starts it if necessary.
    ///
    /// # Panics
    /// If no server is available; the message says what was tried and how to get one.
    pub async fn shared() -> &'static Self {
        or_fail(SHARED.get_or_try_init(Self::find).await)
    }

    /// Starts a server for the caller alone, which may be stopped and started. It is removed when this is dropped.
    ///
    /// # Panics
    /// If no server is available; the message says what was tried and how to get one.
    pub async fn private() -> Self {
        or_fail(Server::private(&POSTGRES, &ServerOptions::default()).await.map(Self::new))
    }

    /// Starts a [private](Self::private) server with these settings, such as `("fsync", "on")`.
    ///
    /// # Panics
    /// If no server is available; the message says what was tried and how to get one.
    pub async fn private_with(settings: &[(&str, &str)]) -> Self {
        let options = settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
        let options = ServerOptions { more_options: options.collect(), ..ServerOptions::default() };
        or_fail(Server::private(&POSTGRES, &options).await.map(Self::new))
    }

    /// Starts a [private](Self::private) server that accepts only TLS, with this certificate, and only clients of its
    /// authority.
    ///
    /// A client must add its own certificate to the URL; [`new_database`](Self::new_database) cannot.
    ///
    /// # Panics
    /// If no server is available; the message says what was tried and how to get one.
    pub async fn private_with_tls(certificate: &ServerCertificate) -> Self {
        or_fail(Server::private(&POSTGRES, &ServerOptions::over_tls(certificate)).await.map(Self::new))
    }

    /// Starts a [private](Self::private) server that uses this clock.
    ///
    /// # Panics
    /// If there are no programs for it; the message says what was tried.
    pub async fn private_with_clock(clock: &Clock) -> Self {
        let options = ServerOptions { clock: Some(clock.clone()), ..ServerOptions::default() };
        or_fail(Server::local(&POSTGRES, &options).await.map(Self::new))
    }

    /// Starts a [private](Self::private) server that has a language besides English, as the name of its locale: `de_DE`.
    ///
    /// A database or a role uses it once `lc_messages` is set to that name followed by `.UTF-8`.
    ///
    /// # Panics
    /// If there are no programs for it; the message says what was tried.
    pub async fn private_with_language(language: &'static str) -> Self {
        let options = ServerOptions { language: Some(language), ..ServerOptions::default() };
        or_fail(Server::local(&POSTGRES, &options).await.map(Self::new))
    }

    /// Creates an empty database on the [shared](Self::shared) server.
    ///
    /// # Panics
    /// If there is no server, or if it makes no database.
    pub async fn database() -> Database {
        Self::shared().await.new_database().await
    }

    /// Returns a server from the first available source, as for [`shared`](Self::shared).
    ///
    /// # Errors
    /// If no server is available.
    pub async fn find() -> Result<Self, NoServer> {
        Server::find(&POSTGRES).await.map(Self::new)
    }

    /// Returns the URL of the maintenance database, as superuser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Creates an empty database on this server.
    ///
    /// # Panics
    /// If the server makes none.
    #[expect(clippy::expect_used, reason = "a test without its database must fail")]
    pub async fn new_database(&self) -> Database {
        let name = format!("test_{}", Uuid::new_v4().simple());
        run(&self.url, format!("create database {name} template template0")).await.expect("a database for the test");
        let mut url = Url::parse(&self.url).expect("the server's URL");
        url.set_path(&name);
        let drop_from = matches!(self.server.place, Place::Url(_)).then(|| self.url.clone());
        Database { url: url.into(), name, drop_from }
    }

    /// Shuts the server down as an administrator would: sessions are terminated, committed data stays.
    ///
    /// # Panics
    /// If the server cannot be stopped: a server named by `TEST_DATABASE_URL` does not belong to this process.
    pub async fn stop(&self) {
        or_fail(self.server.stop().await);
    }

    /// Starts the server again, with its data and at the same URL; returns when it accepts connections.
    ///
    /// # Panics
    /// If the server does not start.
    pub async fn start(&self) {
        or_fail(self.server.start().await);
    }

    /// Kills the server, as a crash would; [`start`](Self::start) starts it again.
    ///
    /// # Panics
    /// If the server cannot be killed: a server named by `TEST_DATABASE_URL` does not belong to this process.
    pub async fn kill(&self) {
        or_fail(self.server.kill().await);
    }

    /// Stops the server and starts it again.
    ///
    /// # Panics
    /// As [`stop`](Self::stop) and [`start`](Self::start) do.
    pub async fn restart(&self) {
        self.stop().await;
        self.start().await;
    }

    /// Returns the host of the server.
    pub(crate) fn host(&self) -> String {
        match &self.server.place {
            Place::Address { host, .. } => host.clone(),
            Place::Url(url) => Url::parse(url).ok().and_then(|url| Some(url.host_str()?.to_owned())).unwrap_or_default(),
        }
    }

    /// Returns the port of the server.
    pub(crate) fn port(&self) -> u16 {
        match &self.server.place {
            Place::Address { port, .. } => *port,
            Place::Url(url) => Url::parse(url).ok().and_then(|url| url.port()).unwrap_or(5432),
        }
    }

    pub(crate) fn new(server: Server) -> Self {
        let url = match &server.place {
            Place::Url(url) => url.clone(),
            Place::Address { host, port } => format!("postgres://postgres@{host}:{port}/postgres"),
        };
        Self { server, url }
    }
}

/// Database for one test. Keep the value while the database is used: on a server from the environment, dropping it drops the
/// database.
#[derive(Debug)]
pub struct Database {
    pub(crate) url: String,
    pub(crate) name: String,
    /// URL of a server that outlives this process, on which to drop the database.
    drop_from: Option<String>,
}

impl Database {
    /// Returns the URL of the database, as superuser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(server) = self.drop_from.take() else { return };
        let statement = format!("drop database if exists {} with (force)", self.name);
        // The current runtime cannot be blocked on, and may be shutting down.
        let dropping = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(&server, statement))
        });
        // A database that could not be dropped is no reason to fail a test.
        drop(dropping.join());
    }
}

pub(crate) async fn run(url: &str, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}
