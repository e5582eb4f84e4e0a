//! Connection pooler in front of a Postgres.

use url::Url;

use crate::kind::PGBOUNCER;
use crate::options::ServerOptions;
use crate::postgres::{Database, Postgres};
use crate::server::{Place, Server, or_fail};

/// Connection pooler pgbouncer in transaction mode, in front of a Postgres: a client has a server session for one transaction
/// only.
#[derive(Debug)]
pub struct PgBouncer {
    server: Server,
}

impl PgBouncer {
    /// Starts a pooler in front of a Postgres, for the caller alone. It is removed when this is dropped.
    ///
    /// # Panics
    /// If there is no such program; the message says what was tried.
    pub async fn in_front_of(postgres: &Postgres) -> Self {
        Self::ignoring(postgres, "").await
    }

    /// Like [`in_front_of`](Self::in_front_of), but the pooler accepts and ignores the startup settings of sessions, as many
    /// are configured to do: clients do not detect it at once.
    ///
    /// # Panics
    /// As for [`in_front_of`](Self::in_front_of).
    pub async fn unnoticed_in_front_of(postgres: &Postgres) -> Self {
        Self::ignoring(postgres, "extra_float_digits,options").await
    }

    /// Like [`in_front_of`](Self::in_front_of), for any Postgres that answers on this port of 127.0.0.1 when the pooler
    /// connects.
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

    /// Returns the URL of this database through the pooler.
    ///
    /// # Panics
    /// If the database is on several hosts.
    #[must_use]
    pub fn url(&self, database: &Database) -> String {
        self.url_of(database.url())
    }

    /// Returns this Postgres URL with the address of the pooler.
    ///
    /// # Panics
    /// If the URL has several hosts.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test without its URL must fail")]
    pub fn url_of(&self, url: &str) -> String {
        let Place::Address { host, port } = &self.server.place else { unreachable!("it is of this machine") };
        let mut url = Url::parse(url).expect("the URL of one server");
        url.set_host(Some(host)).expect("a host");
        url.set_port(Some(*port)).expect("a port");
        url.into()
    }

    /// Stops the pooler, which ends its sessions.
    ///
    /// # Panics
    /// If the pooler does not stop.
    pub async fn stop(&self) {
        or_fail(self.server.stop().await);
    }

    /// Starts the pooler again on the same port.
    ///
    /// # Panics
    /// If the pooler does not start.
    pub async fn start(&self) {
        or_fail(self.server.start().await);
    }
}
