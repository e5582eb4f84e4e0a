//! Items that Postgres refuses to change, for whatever reason: all others are ticked.

use std::time::{Duration, Instant};

use scaler_core::testing::store::StoreFixture;
use scaler_core::{ItemId, MemberKey, SlotRange, TickReport, WorkStore};
use scaler_pg::WorkerAccess;
use sqlx::{AssertSqlSafe, PgPool};

use crate::role_desk::with_roles;
use crate::support::{Desk, installed, member};

/// Number of ticks after which a condition must hold.
const PATIENCE: Duration = Duration::from_secs(20);

/// A way in which Postgres refuses a row.
struct Kind {
    name: &'static str,
    /// Statements that refuse the row of this id.
    refuse: &'static str,
    /// Statements that let it be changed again.
    mend: &'static str,
    /// A part of the words that are told.
    told: &'static str,
}

const KINDS: [Kind; 13] = [
    Kind {
        name: "a check on the value",
        refuse: "alter table work_items add constraint small check (id <> 'ID' or value < 1) not valid",
        mend: "alter table work_items drop constraint small",
        told: "violates check constraint \"small\" (SQLSTATE 23514)",
    },
    Kind {
        name: "a foreign key",
        refuse: "create table allowed (value integer primary key); insert into allowed select generate_series(0, 1000); \
                 alter table work_items add constraint allowed foreign key (value) references allowed; \
                 update work_items set value = 1000 where id = 'ID'",
        mend: "alter table work_items drop constraint allowed; update work_items set value = 0 where id = 'ID'",
        told: "violates foreign key constraint \"allowed\" (SQLSTATE 23503)",
    },
    Kind {
        name: "a foreign key that is checked at the end",
        refuse: "create table allowed (value integer primary key); insert into allowed select generate_series(0, 1000); \
                 alter table work_items add constraint allowed foreign key (value) references allowed deferrable initially deferred; \
                 update work_items set value = 1000 where id = 'ID'",
        mend: "alter table work_items drop constraint allowed; update work_items set value = 0 where id = 'ID'",
        told: "violates foreign key constraint \"allowed\" (SQLSTATE 23503)",
    },
    Kind {
        name: "an exclusion",
        refuse: "alter table work_items add constraint alone exclude using btree ((value > 1000) with =) where (value > 1000); \
                 insert into work_items values (gen_random_uuid(), 5000); update work_items set value = 1000 where id = 'ID'",
        mend: "alter table work_items drop constraint alone; update work_items set value = 0 where id = 'ID'",
        told: "conflicting key value violates exclusion constraint \"alone\" (SQLSTATE 23P01)",
    },
    Kind {
        name: "a trigger that raises",
        refuse: "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not on a Sunday'; end $$; \
                 create trigger refuse before update on work_items for each row when (new.id = 'ID') execute function refuse()",
        mend: "drop trigger refuse on work_items",
        told: "not on a Sunday (SQLSTATE P0001)",
    },
    Kind {
        name: "a trigger after the statement's rows that raises at the end",
        refuse: "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not on a Sunday'; end $$; \
                 create constraint trigger refuse after update on work_items deferrable initially deferred for each row \
                 when (new.id = 'ID') execute function refuse()",
        mend: "drop trigger refuse on work_items",
        told: "not on a Sunday (SQLSTATE P0001)",
    },
    Kind {
        name: "a trigger that raises a serialization failure",
        refuse: "create function refuse() returns trigger language plpgsql as $$ begin \
                 raise exception 'try again' using errcode = 'serialization_failure'; end $$; \
                 create trigger refuse before update on work_items for each row when (new.id = 'ID') execute function refuse()",
        mend: "drop trigger refuse on work_items",
        told: "try again (SQLSTATE 40001)",
    },
    Kind {
        name: "a trigger that raises what a lost connection does",
        refuse: "create function refuse() returns trigger language plpgsql as $$ begin \
                 raise exception 'could not reach the other database' using errcode = 'connection_failure'; end $$; \
                 create trigger refuse before update on work_items for each row when (new.id = 'ID') execute function refuse()",
        mend: "drop trigger refuse on work_items",
        told: "could not reach the other database (SQLSTATE 08006)",
    },
    Kind {
        name: "a trigger that misses a table of its own",
        refuse: "create function refuse() returns trigger language plpgsql as $$ begin insert into nowhere values (1); return new; end $$; \
                 create trigger refuse before update on work_items for each row when (new.id = 'ID') execute function refuse()",
        mend: "drop trigger refuse on work_items",
        told: "relation \"nowhere\" does not exist (SQLSTATE 42P01)",
    },
    Kind {
        name: "a trigger that divides by zero",
        refuse: "create function refuse() returns trigger language plpgsql as $$ begin new.value := 1 / 0; return new; end $$; \
                 create trigger refuse before update on work_items for each row when (new.id = 'ID') execute function refuse()",
        mend: "drop trigger refuse on work_items",
        told: "division by zero (SQLSTATE 22012)",
    },
    Kind {
        name: "a trigger that leaves the row out without a word",
        refuse: "create function refuse() returns trigger language plpgsql as $$ begin return null; end $$; \
                 create trigger refuse before update on work_items for each row when (new.id = 'ID') execute function refuse()",
        mend: "drop trigger refuse on work_items",
        told: "the row was not updated: a trigger, a rule or a row security policy of the table suppressed it",
    },
    Kind {
        name: "a rule that does something else",
        refuse: "create rule refuse as on update to work_items where new.id = 'ID' do instead nothing",
        mend: "drop rule refuse on work_items",
        told: "the row was not updated: a trigger, a rule or a row security policy of the table suppressed it",
    },
    Kind {
        name: "an index on what cannot be computed",
        refuse: "create index refuse on work_items ((case when id = 'ID' and value > 1 then 1 / (value - value) end))",
        mend: "drop index refuse",
        told: "division by zero (SQLSTATE 22012)",
    },
];

async fn run(user: &PgPool, statements: &str, item: &ItemId) {
    sqlx::raw_sql(AssertSqlSafe(statements.replace("ID", &item.to_string()))).execute(user).await.unwrap();
}

/// An owner of all slots, and this many items.
async fn owned(desk: &Desk, items: u32) -> (MemberKey, Vec<ItemId>) {
    let owner = member("a");
    let give = sqlx::query("update scaler.slot set owner = 'a', incarnation = $1, epoch = 1").bind(owner.incarnation.uuid());
    give.execute(&desk.user).await.unwrap();
    let mut items = desk.store.add_items(items).await.unwrap();
    items.sort_unstable();
    (owner, items)
}

/// Ticks until a report of a whole tick is such.
async fn until(store: &dyn WorkStore, owner: &MemberKey, what: &str, is_such: impl Fn(&TickReport) -> bool) -> TickReport {
    let begun = Instant::now();
    loop {
        let report = store.tick(owner, SlotRange::ALL).await.unwrap();
        if report.ticked > 0 && is_such(&report) {
            return report;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: {report:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_row_that_is_refused_is_named_and_no_other_misses_a_tick() {
    for kind in &KINDS {
        let desk = installed(200).await;
        let (owner, items) = owned(&desk, 20).await;
        desk.store.tick(&owner, SlotRange::ALL).await.unwrap();
        let bad = &items[7];
        run(&desk.user, kind.refuse, bad).await;
        let before = desk.value(bad).await.unwrap().unwrap().0;
        let named = until(&*desk.store, &owner, kind.name, |report| report.refusal.is_some()).await;
        let refusal = named.refusal.clone().unwrap();
        assert_eq!(&refusal.item, bad, "{}", kind.name);
        assert!(refusal.why.contains(kind.told), "{}: {}", kind.name, refusal.why);
        for _ in 0..12 {
            let report = until(&*desk.store, &owner, kind.name, |_| true).await;
            assert_eq!((report.refused, report.left), (1, 0), "{}: {report:?}", kind.name);
            assert!(report.items >= 19, "{}: {report:?}", kind.name);
        }
        assert_eq!(desk.value(bad).await.unwrap().unwrap().0, before, "{}", kind.name);
        run(&desk.user, kind.mend, bad).await;
        let report = until(&*desk.store, &owner, kind.name, |report| report.refused == 0).await;
        assert!(report.items >= 20 && report.refusal.is_none(), "{}: {report:?}", kind.name);
    }
}

#[tokio::test]
async fn workers_of_every_access_tick_around_what_a_policy_refuses() {
    for access in [WorkerAccess::Tables, WorkerAccess::Functions] {
        let desk = with_roles(200, access).await;
        let (owner, items) = owned(&desk.owner, 20).await;
        let bad = &items[3];
        run(
            &desk.owner.user,
            "create function refuse() returns trigger language plpgsql as $$ begin raise insufficient_privilege; end $$; \
             create trigger refuse before update on work_items for each row when (new.id = 'ID') execute function refuse()",
            bad,
        )
        .await;
        let report = until(&*desk.split, &owner, "a privilege", |report| report.refused > 0).await;
        assert_eq!((report.items, &report.refusal.unwrap().item), (19, bad), "{access:?}");
        assert_eq!(desk.split.try_to_write(&owner).await.unwrap(), None, "{access:?}");
    }
}

#[tokio::test]
async fn many_refused_rows_cost_the_others_no_tick_once_they_are_known() {
    let desk = installed(1000).await;
    let (owner, _) = owned(&desk, 4000).await;
    desk.run("alter table work_items add constraint tenth check (uuid_hash_extended(id, 7) % 10 <> 0 or value < 1)").await;
    let bad =
        u64::try_from(desk.number("select count(*) from work_items where uuid_hash_extended(id, 7) % 10 = 0").await).unwrap();
    let report =
        until(&*desk.store, &owner, "all are known", |report| report.items + report.refused == 4000 && report.refused > 0).await;
    assert_eq!((report.refused, report.locked, report.left), (bad, 0, 0));
    let mut last = report.tick;
    for _ in 0..3 {
        let report = until(&*desk.store, &owner, "the next tick", |_| true).await;
        assert_eq!((report.items, report.refused, report.left), (4000 - bad, bad, 0));
        assert_eq!(report.tick.since(last), 1);
        last = report.tick;
    }
}

#[tokio::test]
async fn a_lock_on_what_a_foreign_key_leads_to_is_no_refusal() {
    let desk = installed(60_000).await;
    let (owner, items) = owned(&desk, 20).await;
    desk.run(
        "create table place (value integer primary key); insert into place select generate_series(0, 1000);
         alter table work_items add constraint place foreign key (value) references place",
    )
    .await;
    run(&desk.user, "update work_items set value = 500 where id = 'ID'", &items[0]).await;
    let mut user = desk.user.begin().await.unwrap();
    sqlx::query("update place set value = 2000 where value = 501").execute(&mut *user).await.unwrap();
    let report = desk.store.tick(&owner, SlotRange::ALL).await.unwrap();
    assert_eq!((report.items, report.locked, report.refused), (19, 1, 0), "{report:?}");
    user.rollback().await.unwrap();
}
