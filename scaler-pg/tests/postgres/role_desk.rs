//! A database whose workers and control planes log in as roles of their own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::Acknowledgement;
use scaler_core::testing::Violation;
use scaler_core::testing::store::StoreFixture;
use scaler_core::{
    Adoption, Assignment, Claim, Election, EventLog, Holding, Incarnation, InstallationId, ItemId, MemberKey, Membership,
    MembershipError, Outcome, RefusedItem, SlotCount, SlotLoad, SlotRange, StoreError, Term, Tick, TickReport, Transfer, Wishes,
    WorkStore, WorkerId,
};
use scaler_pg::{PgConfig, PgStore, Roles, WorkerAccess};
use sqlx::{AssertSqlSafe, PgPool};
use test_servers::Postgres;
use tokio::sync::OnceCell;

use crate::support::Desk;

/// A store that works as a worker's role and moves as a control plane's.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) worker: PgStore,
    pub(crate) control: Arc<PgStore>,
}

pub(crate) struct RoleDesk {
    /// As the owner.
    pub(crate) owner: Desk,
    pub(crate) split: Arc<Split>,
    /// As the worker's role, past the program.
    pub(crate) worker: PgPool,
    /// As the control plane's role, past the program.
    pub(crate) control: PgPool,
    /// As the role of those who only look.
    pub(crate) look: PgStore,
    /// As that role, past the program.
    pub(crate) looker: PgPool,
    /// As the role of operators.
    pub(crate) operate: PgStore,
    /// As that role, past the program.
    pub(crate) operator: PgPool,
    /// The roles of the worker and of the control plane.
    pub(crate) names: [String; 2],
}

/// A database with the schema and with roles.
pub(crate) async fn with_roles(tick_ms: i32, access: WorkerAccess) -> RoleDesk {
    // Not the shared server: on one that is not ours, the roles would stay behind.
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    let database = SERVER.get_or_init(Postgres::private).await.new_database().await;
    let user = PgPool::connect(database.url()).await.unwrap();
    let store = Arc::new(PgStore::new(&PgConfig::new(database.url())).unwrap());
    store.install(SlotCount::new(256).ok()).await.unwrap();
    sqlx::query("update scaler.meta set tick_ms = $1").bind(tick_ms).execute(&user).await.unwrap();
    // Names that must be quoted.
    let names = ["Worker", "control plane"].map(|role| format!("{role} {}", database.name()));
    let [look, operate] = ["looking", "operating"].map(|role| format!("{role} {}", database.name()));
    for name in names.iter().chain([&look, &operate]) {
        sqlx::raw_sql(AssertSqlSafe(format!("create role \"{name}\" login"))).execute(&user).await.unwrap();
    }
    let granted = Roles { look: Some(look.clone()), operate: Some(operate.clone()), ..roles(&names, access) };
    store.grant(&granted).await.unwrap();
    let url = |name: &str| database.url().replacen("postgres@", &format!("{}@", name.replace(' ', "%20")), 1);
    let open = |name: &str| PgStore::new(&PgConfig::new(url(name))).unwrap();
    let split = Arc::new(Split { worker: open(&names[0]), control: Arc::new(open(&names[1])) });
    let (worker, control) = (PgPool::connect(&url(&names[0])).await.unwrap(), PgPool::connect(&url(&names[1])).await.unwrap());
    let (look, looker) = (open(&look), PgPool::connect(&url(&look)).await.unwrap());
    let (operate, operator) = (open(&operate), PgPool::connect(&url(&operate)).await.unwrap());
    RoleDesk { owner: Desk { store, user, database }, split, worker, control, look, looker, operate, operator, names }
}

pub(crate) fn roles([worker, control]: &[String; 2], access: WorkerAccess) -> Roles {
    Roles { worker: Some((worker.clone(), access)), control: Some(control.clone()), look: None, operate: None }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl WorkStore for Split {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        self.worker.tick(owner, slots).await
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        self.worker.items(owner, slots).await
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        self.worker.holdings(owner, slots).await
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        self.worker.acknowledge(owner, ended).await
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        self.worker.try_to_write(owner).await
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        self.control.assignment().await
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        self.control.census().await
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        self.control.commit(term, transfers).await
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        self.control.catch_up(term).await
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        self.worker.adopt(owner).await
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        self.worker.claim_orphans(owner, limit, well_since).await
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        self.worker.installation().await
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        self.control.slot_count().await
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        self.worker.prepare().await
    }

    fn take_incarnation(&self) -> Option<Incarnation> {
        self.worker.take_incarnation()
    }

    fn membership(&self) -> Result<Option<Arc<dyn Membership>>, MembershipError> {
        WorkStore::membership(&self.worker)
    }

    fn wishes(&self) -> Option<&dyn Wishes> {
        WorkStore::wishes(&*self.control)
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        WorkStore::event_log(&*self.control)
    }
}

#[async_trait]
impl StoreFixture for RoleDesk {
    fn store(&self) -> Arc<dyn WorkStore> {
        self.split.clone()
    }

    fn election(&self) -> Arc<dyn Election> {
        self.split.control.clone()
    }

    async fn insert(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.owner.insert(items).await
    }

    async fn remove(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.owner.remove(items).await
    }

    async fn refuse(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.owner.refuse(items).await
    }

    async fn refuse_worker(&self, worker: &WorkerId) -> Result<(), Violation> {
        self.owner.refuse_worker(worker).await
    }

    async fn accept_all(&self) -> Result<(), Violation> {
        self.owner.accept_all().await
    }

    async fn value(&self, item: &ItemId) -> Result<Option<(u64, Option<String>)>, Violation> {
        self.owner.value(item).await
    }

    async fn outlast_the_leader(&self) -> Result<(), Violation> {
        self.owner.outlast_the_leader().await
    }

    async fn let_the_lease_end_later(&self, by: Duration) -> Result<(), Violation> {
        self.owner.let_the_lease_end_later(by).await
    }

    async fn outlast_deafness(&self) -> Result<(), Violation> {
        self.owner.outlast_deafness().await
    }

    async fn let_the_clock_fall(&self, ticks: u64) -> Result<(), Violation> {
        self.owner.let_the_clock_fall(ticks).await
    }

    async fn pass_a_moment(&self) {
        self.owner.pass_a_moment().await;
    }
}
