//! Postgres primary with a standby.

use crate::kind::{POSTGRES, STANDBY};
use crate::options::ServerOptions;
use crate::postgres::{Database, Postgres, run};
use crate::server::{Server, or_fail};

/// Postgres primary, and a standby that follows it asynchronously until it is [promoted](Self::promote).
#[derive(Debug)]
pub struct PostgresPair {
    primary: Postgres,
    standby: Postgres,
}

impl PostgresPair {
    /// Starts a pair for the caller alone. It is removed when this is dropped.
    ///
    /// # Panics
    /// If there are no programs for it; the message says what was tried.
    pub async fn private() -> Self {
        let server = or_fail(Server::local(&POSTGRES, &ServerOptions::default()).await);
        let data = server.folder().await.map(|folder| folder.join("data").display().to_string()).unwrap_or_default();
        let primary = Postgres::new(server);
        let options = ServerOptions::options_of([&primary.port().to_string(), &data]);
        // Copying the data folder of a cleanly stopped server needs no backup program.
        primary.stop().await;
        let standby = or_fail(Server::local(&STANDBY, &options).await.map(Postgres::new));
        primary.start().await;
        let follows = "do $$ begin while not exists (select from pg_stat_replication where state = 'streaming') loop
                       perform pg_sleep(0.01); perform pg_stat_clear_snapshot(); end loop; end $$";
        on(&primary, follows).await;
        Self { primary, standby }
    }

    /// Returns the initial primary.
    #[must_use]
    pub const fn primary(&self) -> &Postgres {
        &self.primary
    }

    /// Returns the initial standby.
    #[must_use]
    pub const fn standby(&self) -> &Postgres {
        &self.standby
    }

    /// Creates an empty database on both servers, with a URL that selects the one that accepts writes.
    ///
    /// # Panics
    /// If the primary makes none.
    pub async fn new_database(&self) -> Database {
        let mut database = self.primary.new_database().await;
        let hosts = format!("127.0.0.1:{},127.0.0.1:{}", self.primary.port(), self.standby.port());
        database.url = format!("postgres://postgres@{hosts}/{}?target_session_attrs=read-write", database.name);
        database
    }

    /// Stops replication: commits on the primary from now on never reach the standby.
    ///
    /// # Panics
    /// If the standby does not obey.
    pub async fn part(&self) {
        for statement in ["alter system set primary_conninfo = ''", "select pg_reload_conf()"] {
            on(&self.standby, statement).await;
        }
        let gone = "do $$ begin while exists (select from pg_stat_wal_receiver) loop
                    perform pg_sleep(0.01); perform pg_stat_clear_snapshot(); end loop; end $$";
        on(&self.standby, gone).await;
    }

    /// Promotes the standby to primary. The old primary is left as it is: a failover must stop or kill it first.
    ///
    /// # Panics
    /// If the standby does not become one.
    pub async fn promote(&self) {
        on(&self.standby, "do $$ begin if not pg_promote() then raise 'not promoted'; end if; end $$").await;
    }
}

#[expect(clippy::expect_used, reason = "a test whose server does not obey must fail")]
async fn on(server: &Postgres, statement: &str) {
    run(server.url(), statement.to_owned()).await.expect(statement);
}
