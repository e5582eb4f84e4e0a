//! Roles with only the privileges that they need.

use scaler_core::StoreError;
use sqlx::PgConnection;

use crate::PgStore;
use crate::connection::Failed;
use crate::error::Finding;
use crate::template::Rendered;

const DURING: &str = "grant";

/// Roles of workers, control planes and readers. They must exist, and must not be that of the owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Role of the workers, and its access to the items.
    pub worker: Option<(String, WorkerAccess)>,
    /// Role of the control planes.
    pub control: Option<String>,
    /// Role of people and programs that read everything and change nothing.
    pub look: Option<String>,
    /// Role of operators: they read everything, and make and withdraw wishes.
    pub operate: Option<String>,
}

/// Access of the workers' role to the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerAccess {
    /// Direct SQL: the role may change the columns that a tick changes, of any item and slot, and no others.
    Tables,
    /// `SECURITY DEFINER` functions, which run as the owner of the schema: the role has no privilege on any table.
    Functions,
}

impl PgStore {
    /// Grants each role exactly the privileges that it needs, and revokes all others on the schema and the table of work. Running workers
    /// continue, whatever their access to the items was before.
    ///
    /// # Errors
    /// If a role is missing or is the owner's own, if two roles are the same, if this user may not grant, or as for any other call.
    /// Nothing is changed then.
    pub async fn grant(&self, roles: &Roles) -> Result<(), StoreError> {
        let worker = roles.worker.as_ref();
        let names = [worker.map(|(name, _)| name), roles.control.as_ref(), roles.look.as_ref(), roles.operate.as_ref()];
        let mut names: Vec<_> = names.into_iter().flatten().collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(self.refused(|target| Finding::SameRole { target, role: twice[0].clone() }));
        }
        for role in &names {
            // With functions, a worker acts as the owner, which is the user that installs.
            let by_functions = worker.is_some_and(|(name, access)| name == *role && *access == WorkerAccess::Functions);
            self.table(if by_functions { None } else { Some(role) }).await?;
        }
        let grants = async |transaction: &mut PgConnection| {
            if let Some((role, access)) = worker {
                let grants = match access {
                    WorkerAccess::Tables => include_str!("../sql/grants_worker_tables.sql"),
                    WorkerAccess::Functions => include_str!("../sql/grants_worker_functions.sql"),
                };
                self.grant_to(transaction, role, grants, &self.sql.lacking_of_worker).await?;
            }
            if let Some(role) = &roles.control {
                let grants = include_str!("../sql/grants_control.sql");
                self.grant_to(transaction, role, grants, &self.sql.lacking_of_control).await?;
            }
            if let Some(role) = &roles.look {
                self.grant_to(transaction, role, include_str!("../sql/grants_look.sql"), &self.sql.lacking_to_look).await?;
            }
            if let Some(role) = &roles.operate {
                let grants = concat!(include_str!("../sql/grants_look.sql"), include_str!("../sql/grants_operate.sql"));
                self.grant_to(transaction, role, grants, &self.sql.lacking_to_operate).await?;
            }
            Ok(())
        };
        self.link.lasting(DURING, None, grants).await
    }

    /// Returns a privilege that this user lacks, from the query `lacking`; `None` if it has all of them.
    pub(crate) async fn lacks(&self, during: &'static str, lacking: &Rendered) -> Result<Option<String>, StoreError> {
        let lacking: Vec<(String,)> = self.link.rows(during, sqlx::query_as(lacking).bind(None::<&str>)).await?;
        Ok(lacking.into_iter().next().map(|(lacking,)| lacking))
    }

    async fn grant_to(
        &self,
        connection: &mut PgConnection,
        role: &str,
        grants: &'static str,
        lacking: &Rendered,
    ) -> Result<(), Failed> {
        let query = sqlx::query_as(&self.sql.role).bind(role);
        let (there, owner): (bool, bool) = query.fetch_one(&mut *connection).await?;
        if !there {
            return Err(self.refused(|target| Finding::NoRole { target, role: role.to_owned() }).into());
        }
        if owner {
            return Err(self.refused(|target| Finding::OwnersRole { target, role: role.to_owned() }).into());
        }
        for statements in [include_str!("../sql/grants_none.sql"), grants] {
            let statements = self.sql.group.render_for(role, statements);
            sqlx::raw_sql(&statements).execute(&mut *connection).await?;
        }
        // If this user may not grant on another user's table, Postgres only warns.
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
