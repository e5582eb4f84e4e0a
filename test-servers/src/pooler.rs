//! PgBouncer before a Postgres.

use url::Url;

use crate::kind::PGBOUNCER;
use crate::server::{Place, Server, Wish, or_fail};

/// A pooler that gives a connection to a server for one transaction at a time.
#[derive(Debug)]
pub struct Pooler {
    _server: Server,
    url: String,
}

impl Pooler {
    /// One before the database of this URL.
    ///
    /// # Panics
    /// When there is none; the message says what was tried.
    #[expect(clippy::expect_used, reason = "a test without its pooler must fail")]
    pub async fn before(database_url: &str) -> Self {
        let mut url = Url::parse(database_url).expect("the database's URL");
        let (host, port) = (url.host_str().unwrap_or_default().to_owned(), url.port().unwrap_or(5432).to_string());
        let server = or_fail(Server::local(&PGBOUNCER, &Wish::with_options(&[&host, &port])).await);
        if let Place::Address { port, .. } = &server.place {
            url.set_port(Some(*port)).expect("a URL with a host");
        }
        Self { _server: server, url: url.into() }
    }

    /// The URL of the database through it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
