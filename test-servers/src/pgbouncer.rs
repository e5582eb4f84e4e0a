//! A pooler in front of a Postgres.

use url::Url;

use crate::kind::PGBOUNCER;
use crate::options::ServerOptions;
use crate::postgres::{Database, Postgres};
use crate::server::{Place, Server, or_fail};

/// A pgbouncer in transaction mode in front of a Postgres: a session with it is a session with Postgres for one transaction only.
#[derive(Debug)]
pub struct PgBouncer {
    server: Server,
}

impl PgBouncer {
    /// One of the caller's own. It is gone when this is dropped.
    ///
    /// # Panics
    /// When there is no such program; the message says what was tried.
    pub async fn in_front_of(postgres: &Postgres) -> Self {
        Self::ignoring(postgres, "").await
    }

    /// As [`in_front_of`](Self::in_front_of), which takes the settings of a session and ignores them, as many are configured to: clients do not
    /// notice at once that it is there.
    ///
    /// # Panics
    /// As for [`in_front_of`](Self::in_front_of).
    pub async fn unnoticed_in_front_of(postgres: &Postgres) -> Self {
        Self::ignoring(postgres, "extra_float_digits,options").await
    }

    /// As [`in_front_of`](Self::in_front_of), for whichever Postgres answers at this port of 127.0.0.1 when the pooler connects.
    ///
    /// # Panics
    /// As for [`in_front_of`](Self::in_front_of).
    pub async fn in_front_of_port(port: u16) -> Self {
        let options = ServerOptions::options_of(["127.0.0.1", &port.to_string(), ""]);
        Self { server: or_fail(Server::local(&PGBOUNCER, &options).await) }
    }

    async fn ignoring(postgres: &Postgres, parameters: &str) -> Self {
        let options = ServerOptions::options_of([&postgres.host(), &postgres.port().to_string(), parameters]);
        Self { server: or_fail(Server::local(&PGBOUNCER, &options).await) }
    }

    /// The URL of this database by way of the pooler.
    ///
    /// # Panics
    /// When the database is on several hosts.
    #[must_use]
    pub fn url(&self, database: &Database) -> String {
        self.url_of(database.url())
    }

    /// A URL of Postgres that goes by way of the pooler.
    ///
    /// # Panics
    /// When it has several hosts.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test without its URL must fail")]
    pub fn url_of(&self, url: &str) -> String {
        let Place::Address { host, port } = &self.server.place else { unreachable!("it is of this machine") };
        let mut url = Url::parse(url).expect("the URL of one server");
        url.set_host(Some(host)).expect("a host");
        url.set_port(Some(*port)).expect("a port");
        url.into()
    }

    /// Stops it: its sessions are cut.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop(&self) {
        or_fail(self.server.stop().await);
    }

    /// Starts it again at the same place.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(&self) {
        or_fail(self.server.start().await);
    }
}
