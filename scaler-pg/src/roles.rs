//! Roles that may do just what they need.

use scaler_core::StoreError;
use sqlx::PgConnection;

use crate::PgStore;
use crate::connection::Failed;
use crate::error::Finding;

const DURING: &str = "grant";
pub(crate) const LACKING_OF_WORKER: &str = include_str!("../sql/lacking_of_worker.sql");
pub(crate) const LACKING_OF_CONTROL: &str = include_str!("../sql/lacking_of_control.sql");

pub(crate) const LACKING_TO_LOOK: &str = include_str!("../sql/lacking_to_look.sql");

/// Which roles workers and control planes log in as. They must be there, and not be the owner's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// That of the workers, and how it reaches the items.
    pub worker: Option<(String, WorkerAccess)>,
    /// That of the control planes.
    pub control: Option<String>,
    /// That of people and programs that look at all of it and change nothing.
    pub look: Option<String>,
}

/// How a role of workers reaches the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerAccess {
    /// By its own statements: it may change the columns that a tick changes, of any item and slot, and no others.
    Tables,
    /// By functions that run as the owner of the schema: it may touch no table at all.
    Functions,
}

impl PgStore {
    /// Gives each role exactly what it needs, and takes from it what else it had on the schema and the table of work. Workers that
    /// run go on, whichever way they reached the items before.
    ///
    /// # Errors
    /// When a role is missing or is the owner's own, when both are one, when this user may not grant, or as for any other call.
    /// Nothing is changed then.
    pub async fn grant(&self, roles: &Roles) -> Result<(), StoreError> {
        let worker = roles.worker.as_ref();
        let names = [worker.map(|(name, _)| name), roles.control.as_ref(), roles.look.as_ref()];
        let mut names: Vec<_> = names.into_iter().flatten().collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(self.refused(|target| Finding::SameRole { target, role: twice[0].clone() }));
        }
        for role in &names {
            // By functions a worker acts as the owner, who installs.
            let by_functions = worker.is_some_and(|(name, access)| name == *role && *access == WorkerAccess::Functions);
            self.table(if by_functions { None } else { Some(role) }).await?;
        }
        let grants = async |transaction: &mut PgConnection| {
            if let Some((role, access)) = worker {
                let grants = match access {
                    WorkerAccess::Tables => include_str!("../sql/grants_worker_tables.sql"),
                    WorkerAccess::Functions => include_str!("../sql/grants_worker_functions.sql"),
                };
                self.grant_to(transaction, role, grants, LACKING_OF_WORKER).await?;
            }
            if let Some(role) = &roles.control {
                let grants = include_str!("../sql/grants_control.sql");
                self.grant_to(transaction, role, grants, LACKING_OF_CONTROL).await?;
            }
            if let Some(role) = &roles.look {
                self.grant_to(transaction, role, include_str!("../sql/grants_look.sql"), LACKING_TO_LOOK).await?;
            }
            Ok(())
        };
        self.link.lasting(DURING, None, grants).await
    }

    /// What this user lacks, by this list.
    pub(crate) async fn lacks(&self, during: &'static str, lacking: &'static str) -> Result<Option<String>, StoreError> {
        let lacking: Vec<(String,)> = self.link.rows(during, sqlx::query_as(lacking).bind(None::<&str>)).await?;
        Ok(lacking.into_iter().next().map(|(lacking,)| lacking))
    }

    async fn grant_to(
        &self,
        connection: &mut PgConnection,
        role: &str,
        grants: &'static str,
        lacking: &'static str,
    ) -> Result<(), Failed> {
        let query = sqlx::query_as(include_str!("../sql/role.sql")).bind(role);
        let (there, owner): (bool, bool) = query.fetch_one(&mut *connection).await?;
        if !there {
            return Err(self.refused(|target| Finding::NoRole { target, role: role.to_owned() }).into());
        }
        if owner {
            return Err(self.refused(|target| Finding::OwnersRole { target, role: role.to_owned() }).into());
        }
        for statements in [include_str!("../sql/grants_none.sql"), grants] {
            let statements: Vec<String> = sqlx::query_scalar(statements).bind(role).fetch_all(&mut *connection).await?;
            for statement in statements {
                // Postgres itself has put the role's name in.
                sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await?;
            }
        }
        // Who may not grant on another's table is only warned.
        let lacking: Vec<String> = sqlx::query_scalar(lacking).bind(role).fetch_all(connection).await?;
        match lacking.into_iter().next() {
            Some(lacking) => {
                let lacking = format!("{lacking} to {role}");
                Err(self.refused(|target| Finding::NotGranted { target, lacking }).into())
            }
            None => Ok(()),
        }
    }

    fn refused(&self, finding: impl FnOnce(crate::error::Target) -> Finding) -> StoreError {
        StoreError::Refused { during: DURING, source: Box::new(finding(self.link.target().clone())) }
    }
}
