//! Postgres for tests.

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

/// A Postgres server.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    url: String,
}

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

impl Postgres {
    /// The one server of this process.
    ///
    /// # Panics
    /// When there is none; the message says what was tried and how to get one.
    pub async fn shared() -> &'static Self {
        or_fail(SHARED.get_or_try_init(Self::find).await)
    }

    /// A server of the caller's own, to be stopped and started. It is gone when this is dropped.
    ///
    /// # Panics
    /// When there is none; the message says what was tried and how to get one.
    pub async fn private() -> Self {
        or_fail(Server::private(&POSTGRES, &ServerOptions::default()).await.map(Self::new))
    }

    /// A [private](Self::private) server with these settings, such as `("fsync", "on")`.
    ///
    /// # Panics
    /// When there is none; the message says what was tried and how to get one.
    pub async fn private_with(settings: &[(&str, &str)]) -> Self {
        let options = settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
        let options = ServerOptions { more_options: options.collect(), ..ServerOptions::default() };
        or_fail(Server::private(&POSTGRES, &options).await.map(Self::new))
    }

    /// A [private](Self::private) server that speaks TLS only, with this certificate, and lets in only clients of its authority.
    /// A client must add its own certificate to the URL; [`new_database`](Self::new_database) cannot.
    ///
    /// # Panics
    /// When there is none; the message says what was tried and how to get one.
    pub async fn private_with_tls(certificate: &ServerCertificate) -> Self {
        or_fail(Server::private(&POSTGRES, &ServerOptions::over_tls(certificate)).await.map(Self::new))
    }

    /// A [private](Self::private) server that lives by this clock.
    ///
    /// # Panics
    /// When there are no programs for it; the message says what was tried.
    pub async fn private_with_clock(clock: &Clock) -> Self {
        let options = ServerOptions { clock: Some(clock.clone()), ..ServerOptions::default() };
        or_fail(Server::local(&POSTGRES, &options).await.map(Self::new))
    }

    /// A [private](Self::private) server that has a language besides English, as its locale is named: `de_DE`. A database or a role speaks it
    /// once `lc_messages` is set to it, with `.UTF-8` behind it.
    ///
    /// # Panics
    /// When there are no programs for it; the message says what was tried.
    pub async fn private_with_language(language: &'static str) -> Self {
        let options = ServerOptions { language: Some(language), ..ServerOptions::default() };
        or_fail(Server::local(&POSTGRES, &options).await.map(Self::new))
    }

    /// A new, empty database on the [shared](Self::shared) server.
    ///
    /// # Panics
    /// When there is no server, or when it makes no database.
    pub async fn database() -> Database {
        Self::shared().await.new_database().await
    }

    /// Any server, as for [`shared`](Self::shared).
    ///
    /// # Errors
    /// When there is none.
    pub async fn find() -> Result<Self, NoServer> {
        Server::find(&POSTGRES).await.map(Self::new)
    }

    /// The URL of the maintenance database, as superuser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A new, empty database on this server.
    ///
    /// # Panics
    /// When the server makes none.
    #[expect(clippy::expect_used, reason = "a test without its database must fail")]
    pub async fn new_database(&self) -> Database {
        let name = format!("test_{}", Uuid::new_v4().simple());
        run(&self.url, format!("create database {name} template template0")).await.expect("a database for the test");
        let mut url = Url::parse(&self.url).expect("the server's URL");
        url.set_path(&name);
        let drop_from = matches!(self.server.place, Place::Url(_)).then(|| self.url.clone());
        Database { url: url.into(), name, drop_from }
    }

    /// Stops the server as its administrator would: sessions are cut, what is committed stays.
    ///
    /// # Panics
    /// When it cannot be stopped: a server named by `TEST_DATABASE_URL` is not ours.
    pub async fn stop(&self) {
        or_fail(self.server.stop().await);
    }

    /// Starts the server again, with what it held and at the same URL; returns when it takes connections.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(&self) {
        or_fail(self.server.start().await);
    }

    /// Ends the server at once, as a crash would; [`start`](Self::start) starts it again.
    ///
    /// # Panics
    /// When it cannot be ended: a server named by `TEST_DATABASE_URL` is not ours.
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

    /// The host it is on.
    pub(crate) fn host(&self) -> String {
        match &self.server.place {
            Place::Address { host, .. } => host.clone(),
            Place::Url(url) => Url::parse(url).ok().and_then(|url| Some(url.host_str()?.to_owned())).unwrap_or_default(),
        }
    }

    /// The port it listens on.
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

/// A database for one test. Keep it as long as it is used: on a server that is not ours it is dropped with this value.
#[derive(Debug)]
pub struct Database {
    pub(crate) url: String,
    pub(crate) name: String,
    /// The URL of a server that outlives us.
    drop_from: Option<String>,
}

impl Database {
    /// Its URL, as superuser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(server) = self.drop_from.take() else { return };
        let statement = format!("drop database if exists {} with (force)", self.name);
        // The runtime we are in cannot be waited on, and may be ending.
        let dropping = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(&server, statement))
        });
        // A database that stays behind is no reason to fail a test.
        drop(dropping.join());
    }
}

pub(crate) async fn run(url: &str, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}
