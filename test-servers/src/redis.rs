//! Redis for tests.

use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

use crate::authority::ServerCertificate;
use crate::error::NoServer;
use crate::kind::REDIS;
use crate::options::ServerOptions;
use crate::server::{Place, Server, or_fail};

/// A Redis server.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    url: String,
}

static SHARED: OnceCell<Redis> = OnceCell::const_new();

impl Redis {
    /// The one server of this process. Tests stay apart by [prefixes](Self::unique_prefix).
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
        or_fail(Server::private(&REDIS, &ServerOptions::default()).await.map(|server| Self::new(server, "")))
    }

    /// A [private](Self::private) server that wants this password of plain letters and digits; its URL carries it.
    ///
    /// # Panics
    /// When there is none; the message says what was tried and how to get one.
    pub async fn private_with_password(password: &str) -> Self {
        let options = ServerOptions::options_of(["--requirepass", password]);
        or_fail(Server::private(&REDIS, &options).await.map(|server| Self::new(server, &format!(":{password}@"))))
    }

    /// A [private](Self::private) server that speaks TLS only, with this certificate, and lets in only clients of its authority.
    ///
    /// # Panics
    /// When there is none; the message says what was tried and how to get one.
    pub async fn private_with_tls(certificate: &ServerCertificate) -> Self {
        or_fail(Server::private(&REDIS, &ServerOptions::over_tls(certificate)).await.map(|server| {
            let plain = Self::new(server, "");
            Self { url: plain.url.replacen("redis://", "rediss://", 1), ..plain }
        }))
    }

    /// Any server, as for [`shared`](Self::shared).
    ///
    /// # Errors
    /// When there is none.
    pub async fn find() -> Result<Self, NoServer> {
        Server::find(&REDIS).await.map(|server| Self::new(server, ""))
    }

    /// A prefix for keys and channels that nobody else has.
    #[must_use]
    pub fn unique_prefix() -> String {
        format!("test-{}-", Uuid::new_v4().simple())
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server. It loses what it held.
    ///
    /// # Panics
    /// When it cannot be stopped: a server named by `TEST_REDIS_URL` is not ours.
    pub async fn stop(&self) {
        or_fail(self.server.stop().await);
    }

    /// Starts the server again, empty and at the same URL; returns when it takes connections.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(&self) {
        or_fail(self.server.start().await);
    }

    /// Ends the server at once, as a crash would; [`start`](Self::start) starts it again.
    ///
    /// # Panics
    /// When it cannot be ended: a server named by `TEST_REDIS_URL` is not ours.
    pub async fn kill(&self) {
        or_fail(self.server.kill().await);
    }

    /// Freezes the server: connections stay open, and nothing is answered.
    ///
    /// # Panics
    /// When it does not run from programs of this machine.
    pub async fn pause(&self) {
        or_fail(self.server.pause().await);
    }

    /// Lets a [paused](Self::pause) server go on.
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

    /// The port it listens on.
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
