//! Redis servers for tests.

use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

use crate::authority::ServerCertificate;
use crate::error::NoServer;
use crate::kind::REDIS;
use crate::options::ServerOptions;
use crate::server::{Place, Server, or_fail};

/// Redis server.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    url: String,
}

static SHARED: OnceCell<Redis> = OnceCell::const_new();

impl Redis {
    /// Returns the shared server of this process; starts it if necessary. Tests keep apart by [prefixes](Self::unique_prefix).
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
        or_fail(Server::private(&REDIS, &ServerOptions::default()).await.map(|server| Self::new(server, "")))
    }

    /// Starts a [private](Self::private) server that requires this password of letters and digits; its URL contains it.
    ///
    /// # Panics
    /// If no server is available; the message says what was tried and how to get one.
    pub async fn private_with_password(password: &str) -> Self {
        let options = ServerOptions::options_of(["--requirepass", password]);
        or_fail(Server::private(&REDIS, &options).await.map(|server| Self::new(server, &format!(":{password}@"))))
    }

    /// Starts a [private](Self::private) server that accepts only TLS, with this certificate, and only clients of its
    /// authority.
    ///
    /// # Panics
    /// If no server is available; the message says what was tried and how to get one.
    pub async fn private_with_tls(certificate: &ServerCertificate) -> Self {
        or_fail(Server::private(&REDIS, &ServerOptions::over_tls(certificate)).await.map(|server| {
            let plain = Self::new(server, "");
            Self { url: plain.url.replacen("redis://", "rediss://", 1), ..plain }
        }))
    }

    /// Returns a server from the first available source, as for [`shared`](Self::shared).
    ///
    /// # Errors
    /// If no server is available.
    pub async fn find() -> Result<Self, NoServer> {
        Server::find(&REDIS).await.map(|server| Self::new(server, ""))
    }

    /// Returns a unique prefix for keys and channels.
    #[must_use]
    pub fn unique_prefix() -> String {
        format!("test-{}-", Uuid::new_v4().simple())
    }

    /// Returns the URL of the server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server, which loses its data.
    ///
    /// # Panics
    /// If the server cannot be stopped: a server named by `TEST_REDIS_URL` does not belong to this process.
    pub async fn stop(&self) {
        or_fail(self.server.stop().await);
    }

    /// Starts the server again, empty and at the same URL; returns when it accepts connections.
    ///
    /// # Panics
    /// If the server does not start.
    pub async fn start(&self) {
        or_fail(self.server.start().await);
    }

    /// Kills the server, as a crash would; [`start`](Self::start) starts it again.
    ///
    /// # Panics
    /// If the server cannot be killed: a server named by `TEST_REDIS_URL` does not belong to this process.
    pub async fn kill(&self) {
        or_fail(self.server.kill().await);
    }

    /// Freezes the server: connections stay open, but it does not answer.
    ///
    /// # Panics
    /// If the server is not a process of this machine.
    pub async fn pause(&self) {
        or_fail(self.server.pause().await);
    }

    /// Resumes a [paused](Self::pause) server.
    ///
    /// # Panics
    /// As [`pause`](Self::pause) does.
    pub async fn resume(&self) {
        or_fail(self.server.resume().await);
    }

    /// Stops the server and starts it again.
    ///
    /// # Panics
    /// As [`stop`](Self::stop) and [`start`](Self::start) do.
    pub async fn restart(&self) {
        self.stop().await;
        self.start().await;
    }

    /// Returns the port of the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        match &self.server.place {
            Place::Address { port, .. } => *port,
            Place::Url(url) => Url::parse(url).ok().and_then(|url| url.port()).unwrap_or(6379),
        }
    }

    pub(crate) fn new(server: Server, credentials: &str) -> Self {
        let url = match &server.place {
            Place::Url(url) => url.clone(),
            Place::Address { host, port } => format!("redis://{credentials}{host}:{port}"),
        };
        Self { server, url }
    }
}
