//! Makes the schema, and makes the table of work ready: made if it is missing, adopted if it is there, never dropped or emptied.

use std::time::Duration;

use scaler_core::{SlotCount, StoreError, WorkStore};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

use crate::PgStore;
use crate::config::Pooler;
use crate::error::{Finding, classify};
use crate::functions;
use crate::liveness::Backend;
use crate::store::signed;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Any number will do, as long as all installers use the same.
const LOCK: i64 = 0x7363_616c_6572;
const SLOTS: std::ops::RangeInclusive<u32> = 256..=65_536;
const DURING: &str = "install";

/// What an installation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Installation {
    /// How many slots.
    pub slots: SlotCount,
}

#[derive(sqlx::FromRow)]
struct ColumnRow {
    kind: String,
    column: Option<String>,
    r#type: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Table {
    Missing,
    Adoptable,
}

impl PgStore {
    /// Brings the schema up to date and the table of work into shape; does nothing where that is done. Several may run at once.
    ///
    /// `slots` counts at the first installation, 4096 if it is `None`; later it must be what is installed.
    ///
    /// A user who may not make or change the schema finds it as its owner has installed it, or waits for that: then it is
    /// [`StoreError::NotInstalled`].
    ///
    /// # Errors
    /// When `public.work_items` has another shape, when `slots` differs from what is installed or is not between 256 and
    /// 65536, when a privilege is lacking, or as for any other call. Nothing of the user's is altered then.
    pub async fn install(&self, slots: Option<SlotCount>) -> Result<Installation, StoreError> {
        self.install_with_items(slots, 0).await
    }

    /// [`install`](Self::install), which puts so many items into a table of work that it makes anew, in the same step; a table
    /// that is there is given none.
    ///
    /// # Errors
    /// As for [`install`](Self::install), and when somebody else makes the table at the same moment without being an installer.
    pub async fn install_with_items(&self, slots: Option<SlotCount>, items: u32) -> Result<Installation, StoreError> {
        if let Some(wanted) = slots.map(SlotCount::get).filter(|wanted| !SLOTS.contains(wanted)) {
            return Err(self.found(Finding::SlotsOutOfRange { target: self.link.target().clone(), wanted }));
        }
        let (there, may): (bool, bool) = self.link.row(DURING, sqlx::query_as(include_str!("../sql/may_install.sql"))).await?;
        // The lock of an installer is a session's.
        if !may || self.link.pooler() == Pooler::Transaction {
            return self.installed_by_its_owner(there, slots).await;
        }
        // What cannot be adopted is refused before anything is made.
        self.shape().await?;
        // A connection of its own: the lock must go with it, and none of the time-outs of the others fit here.
        let mut session = self.link.connect(DURING).await?;
        let installed = self.install_on(&mut session, slots, items).await;
        if installed.is_ok() {
            session.close().await;
        }
        installed
    }

    /// Checks that the schema is there, that the table of work has the right shape, and that this user may work on them.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`] when the schema or the table of work is missing, [`StoreError::Misshapen`] when the table has another shape,
    /// [`StoreError::Denied`] when a privilege is lacking, or as for any other call.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let target = || self.link.target().clone();
        let missing = |finding| StoreError::NotInstalled { during: "probe", source: Box::new(finding) };
        let there = "select to_regclass('scaler.leader') is not null and to_regprocedure('scaler.slot_of(uuid)') is not null";
        let (there,): (bool,) = self.link.row("probe", sqlx::query_as(there)).await?;
        if !there {
            return Err(missing(Finding::NoSchema { target: target() }));
        }
        if self.shape().await? == Table::Missing {
            return Err(missing(Finding::NoTable { target: target() }));
        }
        match self.lacks_for_work().await? {
            Some(lacking) => {
                let source = Box::new(Finding::NotGranted { target: target(), lacking });
                Err(StoreError::Denied { during: "probe", source })
            }
            None => Ok(()),
        }
    }

    fn found(&self, finding: Finding) -> StoreError {
        StoreError::Misshapen { during: DURING, source: Box::new(finding) }
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        classify(DURING, self.link.target(), error)
    }

    /// Whether the table of work is missing or can be worked on as it is.
    async fn shape(&self) -> Result<Table, StoreError> {
        let rows: Vec<ColumnRow> = self.link.rows(DURING, sqlx::query_as(include_str!("../sql/shape.sql"))).await?;
        let Some(first) = rows.first() else { return Ok(Table::Missing) };
        let target = || self.link.target().clone();
        if first.kind != "r" {
            let found = if first.kind == "v" { "a view" } else { "not a plain table" };
            return Err(self.found(Finding::NotATable { target: target(), found }));
        }
        for (column, fits, expected) in [
            ("id", is_uuid as fn(&str) -> bool, "uuid"),
            ("value", is_integer, "integer"),
            ("currentworker", holds_worker_names, "text or varchar(253) or longer"),
        ] {
            let found = rows.iter().find(|row| row.column.as_deref() == Some(column)).and_then(|row| row.r#type.clone());
            if !found.as_deref().is_some_and(fits) {
                let found = found.unwrap_or_else(|| "missing".to_owned());
                return Err(self.found(Finding::Column { target: target(), column, found, expected }));
            }
        }
        Ok(Table::Adoptable)
    }

    async fn install_on(
        &self,
        connection: &mut PgConnection,
        slots: Option<SlotCount>,
        items: u32,
    ) -> Result<Installation, StoreError> {
        let backend = self.link.wait(DURING, begin(connection)).await?.into();
        self.lock(connection).await?;
        let work = async {
            self.migrate(connection).await?;
            let wanted = slots.unwrap_or(SlotCount::DEFAULT).get();
            let installed: i32 = sqlx::query_scalar("select scaler.set_slots($1)")
                .bind(signed(wanted))
                .fetch_one(&mut *connection)
                .await
                .map_err(|error| self.failed(error))?;
            let installation = self.fits(installed.cast_unsigned(), slots)?;
            prepare_items(connection, items).await.map_err(|error| self.failed(error))?;
            functions::create(connection).await.map_err(|error| self.failed(error))?;
            Ok(installation)
        };
        self.link.attend(DURING, &backend, work).await
    }

    /// For a user who may not install: what the owner has installed.
    async fn installed_by_its_owner(&self, there: bool, slots: Option<SlotCount>) -> Result<Installation, StoreError> {
        let owners_turn = |how| {
            let target = self.link.target().clone();
            let finding = match self.link.pooler() {
                Pooler::None => Finding::OwnersTurn { target, how },
                Pooler::Transaction => Finding::PastThePooler { target, how },
            };
            StoreError::NotInstalled { during: DURING, source: Box::new(finding) }
        };
        if !there || self.shape().await? == Table::Missing {
            return Err(owners_turn("missing"));
        }
        if let Some(lacking) = self.lacks_for_control().await? {
            let source = Box::new(Finding::NotGranted { target: self.link.target().clone(), lacking });
            return Err(StoreError::Denied { during: DURING, source });
        }
        let version = sqlx::query_as("select coalesce(max(version), 0) from scaler.migration where success");
        let (version,): (i64,) = self.link.row(DURING, version).await?;
        if MIGRATIONS.iter().any(|migration| migration.version > version) {
            return Err(owners_turn("of an older version"));
        }
        self.fits(self.slot_count().await?.get(), slots)
    }

    /// The installation, if it has as many slots as are wanted.
    fn fits(&self, installed: u32, wanted: Option<SlotCount>) -> Result<Installation, StoreError> {
        if let Some(wanted) = wanted.map(SlotCount::get).filter(|wanted| *wanted != installed) {
            return Err(self.found(Finding::OtherSlots { target: self.link.target().clone(), installed, wanted }));
        }
        let slots = SlotCount::new(installed);
        Ok(Installation { slots: slots.map_err(|error| self.misshapen(DURING, "scaler.meta.slots", &error))? })
    }

    /// Waits for other installers without a snapshot, since the concurrent making of an index waits for every snapshot there is.
    async fn lock(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        loop {
            let query = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(LOCK);
            if self.link.wait(DURING, query.fetch_one(&mut *connection)).await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn migrate(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let mut migrations = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
        migrations.create_schema("scaler");
        migrations.dangerous_set_table_name("scaler.migration");
        migrations.set_locking(false).run_direct(None, connection, false).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => {
                self.failed(error)
            }
            source => self.found(Finding::Migration { target: self.link.target().clone(), source }),
        })
    }
}

/// Lets statements of this session last: an index of a large table is not made within seconds. Its backend, to be attended meanwhile.
async fn begin(connection: &mut PgConnection) -> Result<Backend, sqlx::Error> {
    let no_limits = "set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0";
    sqlx::raw_sql(no_limits).execute(&mut *connection).await?;
    Backend::of(connection).await
}

/// A table with its first items, if there is none; room in the pages, so that increments stay within them, and an index on the
/// slot: all that is ever done to a user's own table.
async fn prepare_items(connection: &mut PgConnection, first_items: u32) -> Result<(), sqlx::Error> {
    // Asked again, since another installer may have held the lock until now.
    let there: bool =
        sqlx::query_scalar("select to_regclass('public.work_items') is not null").fetch_one(&mut *connection).await?;
    let create_index = if there {
        sqlx::raw_sql(include_str!("../sql/leave_room.sql")).execute(&mut *connection).await?;
        // Others may be writing to it.
        "create index concurrently work_items_slot on public.work_items (scaler.slot_of(id))"
    } else {
        let mut creation = connection.begin().await?;
        sqlx::raw_sql(include_str!("../sql/create_items.sql")).execute(&mut *creation).await?;
        sqlx::query(include_str!("../sql/add_items.sql")).bind(i64::from(first_items)).execute(&mut *creation).await?;
        creation.commit().await?;
        "create index work_items_slot on public.work_items (scaler.slot_of(id))"
    };
    // An index that was left half made by an installer that was killed is made anew.
    let index: Option<(bool,)> = sqlx::query_as(include_str!("../sql/slot_index.sql")).fetch_optional(&mut *connection).await?;
    match index {
        Some((true,)) => return Ok(()),
        Some((false,)) => _ = sqlx::raw_sql("drop index public.work_items_slot").execute(&mut *connection).await?,
        None => {}
    }
    sqlx::raw_sql(create_index).execute(&mut *connection).await.map(drop)
}

fn is_uuid(found: &str) -> bool {
    found == "uuid"
}

fn is_integer(found: &str) -> bool {
    found == "integer"
}

fn holds_worker_names(found: &str) -> bool {
    let length =
        found.strip_prefix("character varying(").and_then(|rest| rest.strip_suffix(')')).and_then(|n| n.parse::<u32>().ok());
    found == "text" || found == "character varying" || length.is_some_and(|length| length >= 253)
}
