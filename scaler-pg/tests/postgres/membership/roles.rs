//! Members whose programs log in as roles of their own: every rule holds, and nothing else can be done.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use scaler_core::{InstallationId, Member, MemberKey, MemberRecord, Membership, MembershipError, Registration, WakeUp, WorkerId};
use scaler_pg::{PgMembership, WorkerAccess};

use super::desk::{Pair, active};
use crate::role_desk::{RoleDesk, with_roles};

/// A membership that sends heartbeats as a worker's role and does all else as a control plane's.
#[derive(Debug)]
struct ByRoles {
    worker: PgMembership,
    control: PgMembership,
}

fn by_roles(desk: &RoleDesk) -> Arc<ByRoles> {
    Arc::new(ByRoles { worker: desk.split.worker.membership().unwrap(), control: desk.split.control.membership().unwrap() })
}

async fn pair(access: WorkerAccess) -> Pair<RoleDesk> {
    let desk = with_roles(1000, access).await;
    Pair { clients: [by_roles(&desk), by_roles(&desk)], _kept: desk }
}

mod tables {
    use scaler_pg::WorkerAccess;

    use super::{Pair, RoleDesk, pair};

    scaler_core::membership_suite!(fixture);

    async fn fixture() -> Pair<RoleDesk> {
        pair(WorkerAccess::Tables).await
    }
}

mod functions {
    use scaler_pg::WorkerAccess;

    use super::{Pair, RoleDesk, pair};

    scaler_core::membership_suite!(fixture);

    async fn fixture() -> Pair<RoleDesk> {
        pair(WorkerAccess::Functions).await
    }
}

#[tokio::test]
async fn a_role_that_looks_reads_the_members_and_changes_none() {
    let desk = with_roles(1000, WorkerAccess::Functions).await;
    let (looker, member) = (desk.look.membership().unwrap(), active("worker-1"));
    desk.split.worker.membership().unwrap().heartbeat(&member).await.unwrap();
    assert_eq!(looker.members().await.unwrap()[0].member, member);
    assert!(looker.retired(member.installation).await.unwrap().is_empty());
    for refused in [
        looker.heartbeat(&member).await.map(drop).unwrap_err(),
        looker.leave(&member.key).await.unwrap_err(),
        looker.sweep(Duration::ZERO).await.map(drop).unwrap_err(),
        looker.retire(member.installation, &BTreeSet::new()).await.unwrap_err(),
    ] {
        assert!(matches!(refused, MembershipError::Denied { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_worker_neither_lists_sweeps_nor_retires_members() {
    for access in [WorkerAccess::Tables, WorkerAccess::Functions] {
        let desk = with_roles(1000, access).await;
        let (worker, member) = (desk.split.worker.membership().unwrap(), active("worker-1"));
        worker.heartbeat(&member).await.unwrap();
        for refused in [
            worker.members().await.map(drop).unwrap_err(),
            worker.sweep(Duration::ZERO).await.map(drop).unwrap_err(),
            worker.retire(member.installation, &BTreeSet::new()).await.unwrap_err(),
        ] {
            assert!(matches!(refused, MembershipError::Denied { .. }), "{refused}");
        }
        for statement in ["update scaler.member set state = 'barred'", "delete from scaler.member", "select * from scaler.member"]
        {
            let refused = sqlx::raw_sql(statement).execute(&desk.worker).await.unwrap_err();
            assert_eq!(refused.as_database_error().and_then(|error| error.code()).as_deref(), Some("42501"), "{statement}");
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Membership for ByRoles {
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError> {
        self.worker.heartbeat(member).await
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        self.worker.leave(member).await
    }

    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError> {
        self.control.members().await
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        self.control.sweep(older_than).await
    }

    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        self.control.retire(installation, workers).await
    }

    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError> {
        self.control.retired(installation).await
    }

    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError> {
        self.control.wake_up(wake_up).await
    }

    fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        self.worker.wake_ups()
    }
}
