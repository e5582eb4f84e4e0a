//! Creates the schema and prepares the table of work: it is created if it is missing, adopted if it exists, and never dropped or emptied.

use std::time::Duration;

use scaler_core::{KeyType, SlotCount, StoreError, WorkStore};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgConnection, SqlSafeStr};

use crate::PgStore;
use crate::backend::Backend;
use crate::config::Pooler;
use crate::error::{Finding, Missing, classify};
use crate::functions;
use crate::group::Group;
use crate::installed::{Installed, index_filter, remember};
use crate::store::signed;
use crate::table::{Table, drop_earlier, is_held_up, prepare};
use crate::template::Rendered;

/// Migrations by version, oldest first. A released migration never changes, since its checksum is in the database.
const MIGRATIONS: [(i64, &str, &str); 10] = [
    (1, "schema", include_str!("../migrations/0001_schema.sql")),
    (2, "ticks never fall", include_str!("../migrations/0002_ticks_never_fall.sql")),
    (3, "installation and hearing", include_str!("../migrations/0003_installation_and_hearing.sql")),
    (4, "values that can be", include_str!("../migrations/0004_values_that_can_be.sql")),
    (5, "members", include_str!("../migrations/0005_members.sql")),
    (6, "table of work", include_str!("../migrations/0006_table_of_work.sql")),
    (7, "acknowledgements", include_str!("../migrations/0007_acknowledgements.sql")),
    (8, "causes", include_str!("../migrations/0008_causes.sql")),
    (9, "operations", include_str!("../migrations/0009_operations.sql")),
    (10, "weights", include_str!("../migrations/0010_weights.sql")),
];

/// Version of the schema that this version of the library needs.
pub(crate) const NEWEST: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

const SLOTS: std::ops::RangeInclusive<u32> = 256..=65_536;
const INDEX: &str = "an open transaction, to create the index on the slot";
const LOCK_TRIES: u32 = 20;
const BETWEEN_LOCK_TRIES: Duration = Duration::from_millis(100);
const DURING: &str = "install";

/// Properties of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Installation {
    /// Number of slots.
    pub slots: SlotCount,
}

impl PgStore {
    /// Updates the schema and prepares the table of work; does nothing if both are up to date. Several installers may run at once.
    ///
    /// `slots` applies at the first installation, with 4096 for `None`. Later, it must be the installed number or `None`.
    ///
    /// For a user that may not create or change the schema, checks what its owner has installed; [`StoreError::NotInstalled`] if that is
    /// missing or older.
    ///
    /// # Errors
    /// If `public.work_items` has another shape, if `slots` differs from the installed number or is not between 256 and 65536, if a
    /// privilege is missing, or as for any other call. No object of the user is altered then.
    pub async fn install(&self, slots: Option<SlotCount>) -> Result<Installation, StoreError> {
        self.install_with_items(slots, 0).await
    }

    /// Like [`install`](Self::install), and adds `items` items to the table of work if it creates it, in the same transaction. An existing
    /// table gets none.
    ///
    /// # Errors
    /// As for [`install`](Self::install), and when another session that is not an installer creates the table at the same moment.
    pub async fn install_with_items(&self, slots: Option<SlotCount>, items: u32) -> Result<Installation, StoreError> {
        if let Some(wanted) = slots.map(SlotCount::get).filter(|wanted| !SLOTS.contains(wanted)) {
            return Err(self.found(Finding::SlotsOutOfRange { target: self.link.target().clone(), wanted }));
        }
        let (there, may): (bool, bool) = self.link.row(DURING, sqlx::query_as(&self.sql.may_install)).await?;
        // The lock of an installer belongs to its session.
        if !may || self.link.pooler() == Pooler::Transaction {
            return self.installed_by_its_owner(there, slots).await;
        }
        // A table that cannot be adopted is refused before anything is created.
        let key_type = match self.table(None).await? {
            Table::Adoptable { key_type } => {
                self.check_sql(DURING, key_type).await?;
                key_type
            }
            Table::Missing => KeyType::Uuid,
        };
        // A connection of its own: the lock must end with it, and the usual timeouts do not fit here.
        let mut session = self.link.connect(DURING).await?;
        let installed = self.install_on(&mut session, key_type, slots, items).await;
        if installed.is_ok() {
            session.close().await;
        }
        installed
    }

    /// Checks that the schema exists, that the table of work fits, and that this user has a worker's privileges on them.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`] when the schema or the table of work is missing, [`StoreError::Misshapen`] when the table does not fit,
    /// [`StoreError::Denied`] when a privilege is missing, or as for any other call.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.probe_for(&self.sql.lacking_of_worker).await
    }

    /// Like [`probe`](Self::probe), for a user that only reads.
    ///
    /// # Errors
    /// As for [`probe`](Self::probe).
    pub async fn probe_to_look(&self) -> Result<(), StoreError> {
        self.probe_for(&self.sql.lacking_to_look).await
    }

    async fn probe_for(&self, lacking: &Rendered) -> Result<(), StoreError> {
        let during = "probe";
        let missing: Option<(String,)> = self.link.rows(during, sqlx::query_as(&self.sql.missing)).await?.into_iter().next();
        let missing = missing.and_then(|(word,)| Missing::of(&word));
        // First, since another table than the installed one need not exist.
        if matches!(missing, None | Some(Missing::Table)) {
            self.probe_installed(during).await?;
        }
        if let Some(missing) = missing {
            return Err(missing.failure(during, self.link.target().clone(), &self.sql.group));
        }
        self.table(None).await?;
        match self.lacks(during, lacking).await? {
            Some(lacking) => {
                let source = Box::new(Finding::NotGranted { target: self.link.target().clone(), lacking });
                Err(StoreError::Denied { during, source })
            }
            None => Ok(()),
        }
    }

    /// Checks that the group is installed as this store describes it, if this user may see that. A user that may only execute functions
    /// may not, and works by what they hold.
    async fn probe_installed(&self, during: &'static str) -> Result<(), StoreError> {
        let installed: Vec<Installed> = match self.link.rows(during, sqlx::query_as(&self.sql.installed)).await {
            Err(StoreError::Denied { .. }) => return Ok(()),
            answer => answer?,
        };
        let (target, group) = (self.link.target().clone(), &self.sql.group);
        for installed in installed {
            if let Some((installed, wanted)) = installed.other_table(group) {
                let finding = Finding::OtherTable { target, group: group.schema(), installed, wanted };
                return Err(StoreError::Misshapen { during, source: Box::new(finding) });
            }
            if let Some((setting, installed, wanted)) = installed.other_setting(group) {
                let finding = Finding::OtherSetting { target, group: group.schema(), setting, installed, wanted };
                return Err(StoreError::NotInstalled { during, source: Box::new(finding) });
            }
        }
        Ok(())
    }

    fn found(&self, finding: Finding) -> StoreError {
        StoreError::Misshapen { during: DURING, source: Box::new(finding) }
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        classify(DURING, self.link.target(), error)
    }

    async fn install_on(
        &self,
        connection: &mut PgConnection,
        key_type: KeyType,
        slots: Option<SlotCount>,
        items: u32,
    ) -> Result<Installation, StoreError> {
        let backend = self.link.wait(DURING, begin(connection)).await?.into();
        self.lock(connection).await?;
        let work = async {
            self.check_installed(connection, DURING, key_type).await?;
            let group = self.sql.group.with_key_type(key_type);
            self.migrate(connection, &group).await?;
            let wanted = slots.unwrap_or(SlotCount::DEFAULT).get();
            let installed: i32 = sqlx::query_scalar(&self.sql.set_slots)
                .bind(signed(wanted))
                .fetch_one(&mut *connection)
                .await
                .map_err(|error| self.failed(error))?;
            let installation = self.fits(installed.cast_unsigned(), slots)?;
            let failed = |error| self.failed(error);
            let filter = index_filter(connection, &group).await.map_err(failed)?;
            let filter = filter.as_deref();
            let earlier: Option<String> =
                sqlx::query_scalar(&self.sql.index_filter).fetch_one(&mut *connection).await.map_err(failed)?;
            if is_held_up(connection, &self.sql, filter).await.map_err(failed)? {
                return Err(self.held(connection, INDEX).await);
            }
            if let Err(error) = prepare(connection, &self.sql, filter, items).await {
                return Err(match self.failed(error) {
                    StoreError::Busy { .. } => self.held(connection, INDEX).await,
                    error => error,
                });
            }
            functions::create(connection, &group).await.map_err(failed)?;
            if earlier.as_deref() != filter {
                drop_earlier(connection, &self.sql, earlier.as_deref()).await.map_err(failed)?;
            }
            remember(connection, &self.sql, key_type, filter).await.map_err(failed)?;
            Ok(installation)
        };
        self.link.attend(DURING, &backend, work).await
    }

    /// Checks and returns what the owner has installed, for a user that may not install.
    async fn installed_by_its_owner(&self, there: bool, slots: Option<SlotCount>) -> Result<Installation, StoreError> {
        let owners_turn = |how| {
            let (target, group) = (self.link.target().clone(), self.sql.group.schema());
            let finding = match self.link.pooler() {
                Pooler::None => Finding::OwnersTurn { target, group, how },
                Pooler::Transaction => Finding::PastThePooler { target, group, how },
            };
            StoreError::NotInstalled { during: DURING, source: Box::new(finding) }
        };
        if !there || self.table(None).await? == Table::Missing {
            return Err(owners_turn("missing"));
        }
        if let Some(lacking) = self.lacks(DURING, &self.sql.lacking_of_control).await? {
            let source = Box::new(Finding::NotGranted { target: self.link.target().clone(), lacking });
            return Err(StoreError::Denied { during: DURING, source });
        }
        let version = sqlx::query_as(&self.sql.version);
        let (version,): (i64,) = self.link.row(DURING, version).await?;
        if MIGRATIONS.iter().any(|(newest, ..)| *newest > version) {
            return Err(owners_turn("outdated"));
        }
        self.fits(self.slot_count().await?.get(), slots)
    }

    /// Returns the installation if it has the wanted number of slots.
    fn fits(&self, installed: u32, wanted: Option<SlotCount>) -> Result<Installation, StoreError> {
        if let Some(wanted) = wanted.map(SlotCount::get).filter(|wanted| *wanted != installed) {
            return Err(self.found(Finding::OtherSlots { target: self.link.target().clone(), installed, wanted }));
        }
        let slots = SlotCount::new(installed);
        Ok(Installation { slots: slots.map_err(|error| self.misshapen(DURING, "scaler.meta.slots", &error))? })
    }

    /// Takes the lock of installers, and waits for others for 2 s at most. It holds no snapshot meanwhile, since `create index concurrently`
    /// waits for every snapshot. The caller may try again for as long as it likes; the error names the holder.
    async fn lock(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        for _ in 0..LOCK_TRIES {
            let query = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(self.sql.group.lock());
            if self.link.wait(DURING, query.fetch_one(&mut *connection)).await? {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN_LOCK_TRIES).await;
        }
        Err(self.held(connection, "another installer").await)
    }

    /// Returns the error of an installation that waited in vain, with the session that it waited for.
    async fn held(&self, connection: &mut PgConnection, what: &'static str) -> StoreError {
        let holder = sqlx::query_as(include_str!("../sql/holder.sql")).bind(self.sql.group.lock()).fetch_optional(connection);
        let holder: Option<(i32, String, String, i64)> = self.link.wait(DURING, holder).await.ok().flatten();
        let holder = holder.map_or_else(
            || "a session that has ended meanwhile".to_owned(),
            |(pid, name, user, open_s)| format!("session {pid} ({name}, user {user}, in a transaction for {open_s} s)"),
        );
        let source = Box::new(Finding::Held { target: self.link.target().clone(), what, holder });
        StoreError::Busy { during: DURING, source }
    }

    async fn migrate(&self, connection: &mut PgConnection, group: &Group) -> Result<(), StoreError> {
        let mut migrations = Migrator::with_migrations(migrations(group));
        let schema = group.schema();
        migrations.dangerous_set_table_name(format!("{schema}.migration"));
        migrations.create_schema(schema);
        migrations.set_locking(false).run_direct(None, connection, false).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => {
                self.failed(error)
            }
            source => self.found(Finding::Migration { target: self.link.target().clone(), source }),
        })
    }
}

/// Returns the migrations of an installation with these names.
fn migrations(group: &Group) -> Vec<Migration> {
    let migration = |(version, description, sql): (i64, &'static str, &'static str)| {
        let sql = group.render(sql).into_sql_str();
        Migration::new(version, description.into(), MigrationType::Simple, sql, false)
    };
    MIGRATIONS.map(migration).to_vec()
}

/// Removes the statement timeout of this session, since an index of a large table takes long, and returns its backend, to be attended
/// meanwhile.
async fn begin(connection: &mut PgConnection) -> Result<Backend, sqlx::Error> {
    // After the lock timeout, the error names the session that holds the lock, and the caller tries again.
    let no_limits = "set statement_timeout = 0; set lock_timeout = '4s'; set idle_in_transaction_session_timeout = 0";
    sqlx::raw_sql(no_limits).execute(&mut *connection).await?;
    Backend::of(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_of_the_folder_is_listed_in_order() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let listed = MIGRATIONS.map(|(version, description, _)| format!("{version:04}_{}.sql", description.replace(' ', "_")));
        assert_eq!(files, listed);
    }

    /// SHA-384 of all migrations but the newest, as they are in the databases of earlier versions.
    const RELEASED: [&str; MIGRATIONS.len() - 1] = [
        "a4a77e6281f78f643877cf8c8dd86f249e7e8d260a5098b1e56321eb8b5cdf5e4dfa08fe110ab2bac72419151ee38512",
        "91b99b2b8cb38264559c2a6f27b07b6be7e6284bb1330d36d38356be0e72f9e4a75d825897cb2010a9e6f970a66ec1b1",
        "b062b044ecf27594a385d9a008621c29a10aa96fdea355800b51923106d89e4ccdc29db968508b2dc51583e2cb6171df",
        "af0cccc6bdbf9f3755a09674021d1a3fcc93a9ec30aa0e2583679b4c046ff5abc32c549e2f59d403436cc91a66d03d99",
        "3a92a4519d4b1cb67ce9f182c18ce14236510184174ed97e518a3e8261781d0bfb6cc68e7dd8d3ec7fe29b63dbdc79b9",
        "93a85b1e56b51352b64f8fb239d10d949d59d10c67cb6851c84cd9f19d6b57a19e3e8fc1148ed27b9b11c80051c2da47",
        "a745e608ec9b888dc707098bb893f6a3f1a077f8a54e4d3f0386093e2ef2d18cfb7adc75293c2d4f75803f16c652ab53",
        "4de0d43d3bee331dbaf71569280d9fdda4377f6781838d42dcb5a53aa48e3a8a2d04a0f60f06433be8e9d89b16e56ad1",
        "dcdf92f4a6dc2d6fe6effbaab5d88de134c2cc27cc1c2f32e7fb425ea094e3c0f5fc0669f1c963f8c6cc4440d3e45f44",
    ];

    #[test]
    fn released_migrations_of_the_reference_installation_never_change() {
        let rendered = migrations(&Group::default());
        let checksum = |migration: &Migration| migration.checksum.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let checksums: Vec<_> = rendered.iter().take(RELEASED.len()).map(checksum).collect();
        assert_eq!(checksums, RELEASED);
    }
}
