//! Input of the checks, as far as it could be read.

use std::time::Duration;

use scaler_core::audit::{Report, Snapshot};
use scaler_core::{Assignment, MemberRecord, StoreError, Term, WorkStore};
use scaler_pg::{Health, Leader, PgStore, Scope};

use crate::overview::Overview;

/// Number of slots whose items are audited.
const AUDITED_SLOTS: u16 = 16;
/// Time between the two snapshots of the audit.
const AUDITED_FOR: Duration = Duration::from_secs(2);

/// State of the system and its servers. A part that could not be read is `None`, or the reason.
#[derive(Debug, Default)]
pub struct Facts {
    /// Result of the probe for a role that looks: `Err` with the reason if the schema or a privilege is missing.
    pub probe: Option<Result<(), StoreError>>,
    /// Result of the check of the table of work: `Err` with the reason if ticks cannot update it, or it lacks its index.
    pub table: Option<Result<(), StoreError>>,
    /// Health of the database.
    pub health: Option<Health>,
    /// Current or last leader; the inner `None` if there was none yet.
    pub leader: Option<Option<LeaderFacts>>,
    /// Slots, items, members and wishes.
    pub overview: Option<Overview>,
    /// Reason why the members cannot be read, if they cannot.
    pub members_error: Option<String>,
    /// Age of the database's oldest transaction.
    pub oldest_transaction: Option<Duration>,
    /// Audit of a sample of the items.
    pub audit: Option<Report>,
    /// The slots again, two seconds after the overview: an item that was just added then has been ticked by now.
    pub later: Option<Assignment>,
    /// True if this command reaches Postgres through a connection pooler, as its arguments say.
    pub behind_pooler: bool,
}

/// Current or last leader.
#[derive(Clone, Copy, Debug)]
pub struct LeaderFacts {
    /// Term of the leader.
    pub term: Term,
    /// Time until its lease expires; zero if it has expired.
    pub expires_in: Duration,
    /// Time for which it has received no heartbeat of a member; `None` if it receives some.
    pub deaf_for: Option<Duration>,
}

impl From<Leader> for LeaderFacts {
    fn from(leader: Leader) -> Self {
        Self { term: leader.term, expires_in: leader.expires_in, deaf_for: leader.deaf_for }
    }
}

impl Facts {
    /// Reads everything. What cannot be read is left out; the audit takes two seconds.
    pub async fn read(store: &PgStore, members: Result<Vec<MemberRecord>, String>) -> Self {
        let (members, members_error) = match members {
            Ok(members) => (Some(members), None),
            Err(reason) => (None, Some(reason)),
        };
        let overview = Overview::read(store as &dyn WorkStore, members).await.ok();
        let sample = sample(store).await.ok().flatten();
        tokio::time::sleep(AUDITED_FOR).await;
        let audit = match sample {
            Some((scope, first)) => store.audit(&scope, first).await.ok(),
            None => None,
        };
        Self {
            probe: Some(store.probe_to_look().await),
            table: Some(store.check_table().await),
            health: store.health().await.ok().flatten(),
            leader: store.leader().await.ok().map(|leader| leader.map(LeaderFacts::from)),
            overview,
            members_error,
            oldest_transaction: store.oldest_transaction().await.ok().flatten(),
            audit,
            later: store.assignment().await.ok(),
            behind_pooler: false,
        }
    }
}

/// Takes the first snapshot of a sample; `None` if only the work of the user could tell how often an item was worked on.
async fn sample(store: &PgStore) -> Result<Option<(Scope, Snapshot)>, StoreError> {
    if !store.is_auditable() {
        return Ok(None);
    }
    let scope = store.sample(AUDITED_SLOTS).await?;
    let first = store.snapshot(&scope).await?;
    Ok(Some((scope, first)))
}

#[cfg(test)]
pub(super) mod testing {
    use scaler_core::{
        Epoch, Incarnation, InstallationId, Member, MemberKey, MemberState, RecordedWish, Slot, SlotCount, SlotLoad, SlotRange,
        SlotState, Tick, Wish, WorkerId,
    };
    use uuid::Uuid;

    use super::*;

    const NOW: u64 = 1_000_000;

    fn worker(name: &str) -> WorkerId {
        WorkerId::new(name).unwrap()
    }

    fn key(name: &str) -> MemberKey {
        MemberKey { worker: worker(name), incarnation: Incarnation::new(Uuid::from_u128(1)) }
    }

    fn member(name: &str) -> MemberRecord {
        let ours = InstallationId::new(Uuid::from_u128(7));
        let member = Member { state: MemberState::Active, last_tick: Some(Tick(NOW)), ..Member::joining(key(name), ours) };
        MemberRecord { member, age: Duration::ZERO }
    }

    fn leader(expires_in_s: u64, deaf_for_s: Option<u64>) -> LeaderFacts {
        LeaderFacts {
            term: Term { number: 3, holder: Uuid::nil() },
            expires_in: Duration::from_secs(expires_in_s),
            deaf_for: deaf_for_s.map(Duration::from_secs),
        }
    }

    /// A system of two workers that is well.
    pub(in crate::checks) fn facts() -> Facts {
        let slots = SlotCount::new(8).unwrap();
        let owned = |slot: Slot| {
            let name = if slot.number() < 4 { "worker-1" } else { "worker-2" };
            SlotState { owner: Some(key(name)), epoch: Epoch(1), last_tick: Tick(NOW) }
        };
        let assignment = Assignment {
            installation: InstallationId::new(Uuid::from_u128(7)),
            tick: Tick(NOW),
            tick_length: Duration::from_secs(1),
            range: SlotRange::ALL,
            slots: slots.iter().map(owned).collect(),
            sessions: Some([Incarnation::new(Uuid::from_u128(1))].into()),
        };
        let later = Some(assignment.clone());
        let overview = Overview {
            assignment,
            load: SlotLoad::of_items(slots, slots.iter().map(|slot| (slot, 1))),
            members: Some(vec![member("worker-1"), member("worker-2")]),
            strangers: Vec::new(),
            wishes: Vec::new(),
        };
        let health = Health {
            server_version: "16.4".into(),
            role: "scaler_look".into(),
            schema: (8, 8),
            live_rows: 8,
            autovacuums: true,
            idle_in_transaction: Some((0, Duration::ZERO)),
            ..Health::default()
        };
        Facts {
            probe: Some(Ok(())),
            table: Some(Ok(())),
            health: Some(health),
            leader: Some(Some(leader(4, None))),
            overview: Some(overview),
            members_error: None,
            oldest_transaction: Some(Duration::from_secs(1)),
            audit: Some(Report { items: 8, ..Report::default() }),
            later,
            behind_pooler: false,
        }
    }

    /// Troubles, with the check that finds each.
    pub(in crate::checks) mod with {
        use super::*;
        use crate::checks::CheckState::{self, Failed, Warning};

        type Trouble = (&'static str, CheckState, fn(&mut Facts));

        fn overview(facts: &mut Facts) -> &mut Overview {
            facts.overview.as_mut().unwrap()
        }

        fn health(facts: &mut Facts) -> &mut Health {
            facts.health.as_mut().unwrap()
        }

        fn wish(facts: &mut Facts, wish: Wish, age: u64) {
            let since = Duration::from_secs(NOW - age);
            overview(facts).wishes.push(RecordedWish { wish, by: "alice".into(), note: String::new(), since });
        }

        pub(in crate::checks) const TROUBLES: &[Trouble] = &[
            ("schema", Failed, |facts| {
                facts.probe = Some(Err(StoreError::NotInstalled { during: "probe", source: "missing".into() }));
            }),
            ("schema", Warning, |facts| health(facts).schema = (7, 8)),
            ("table", Failed, |facts| {
                facts.table = Some(Err(StoreError::Misshapen { during: "table", source: "row security".into() }));
            }),
            ("table", Failed, |facts| {
                facts.table = Some(Err(StoreError::NotInstalled { during: "table", source: "no index".into() }));
            }),
            ("privileges", Failed, |facts| {
                facts.probe = Some(Err(StoreError::Denied { during: "probe", source: "lacks".into() }));
            }),
            ("server", Failed, |facts| health(facts).is_standby = true),
            ("leader", Failed, |facts| facts.leader = Some(None)),
            ("leader", Failed, |facts| facts.leader = Some(Some(leader(0, None)))),
            ("hearing", Failed, |facts| facts.leader = Some(Some(leader(4, Some(20))))),
            ("members", Failed, |facts| {
                overview(facts).members = None;
                facts.members_error = Some("connection refused".into());
            }),
            ("members", Failed, |facts| overview(facts).members = Some(Vec::new())),
            ("strangers", Warning, |facts| overview(facts).strangers.push(member("worker-9"))),
            ("workers", Failed, |facts| {
                for slot in &mut overview(facts).assignment.slots[..4] {
                    slot.last_tick = Tick(NOW - 9);
                }
                overview(facts).members.as_mut().unwrap()[0].member.last_tick = Some(Tick(NOW - 9));
            }),
            ("workers", Warning, |facts| {
                let mut dead = member("worker-9");
                (dead.member.last_tick, dead.age) = (Some(Tick(NOW - 9)), Duration::from_secs(9));
                overview(facts).members.as_mut().unwrap().push(dead);
            }),
            ("workers", Warning, |facts| _ = overview(facts).members.as_mut().unwrap().pop()),
            ("slots", Failed, |facts| overview(facts).assignment.slots[0].owner = None),
            ("slots", Failed, |facts| facts.later.as_mut().unwrap().slots[0].last_tick = Tick(NOW - 9)),
            ("rebalancing", Failed, |facts| {
                for slot in &mut overview(facts).assignment.slots {
                    slot.last_tick = Tick(NOW - 9);
                }
            }),
            ("refused-rows", Warning, |facts| {
                let record = &mut overview(facts).members.as_mut().unwrap()[0];
                (record.member.refused, record.member.refusal) = (1, Some("a check".into()));
            }),
            ("doubles", Failed, |facts| facts.audit = Some(Report { items: 8, doubled: 1, doubles: 1, ..Report::default() })),
            ("clock", Failed, |facts| overview(facts).assignment.tick = Tick(NOW - 60)),
            ("transactions", Warning, |facts| facts.oldest_transaction = Some(Duration::from_secs(30))),
            ("transactions", Failed, |facts| facts.oldest_transaction = Some(Duration::from_secs(300))),
            ("idle-sessions", Warning, |facts| health(facts).idle_in_transaction = Some((1, Duration::from_secs(60)))),
            ("vacuum", Warning, |facts| health(facts).autovacuums = false),
            ("vacuum", Warning, |facts| (health(facts).live_rows, health(facts).dead_rows) = (10_000, 50_000)),
            ("sessions", Warning, |facts| overview(facts).assignment.sessions = None),
            ("pins", Warning, |facts| wish(facts, Wish::Pin(Slot::new(1), worker("worker-9")), 5)),
            ("unknown-workers", Warning, |facts| wish(facts, Wish::Cordon(worker("worker-9")), 5)),
            ("old-wishes", Warning, |facts| wish(facts, Wish::Pause, 100_000)),
        ];
    }
}
