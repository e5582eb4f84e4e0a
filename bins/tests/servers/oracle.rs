//! The oracle: a trigger on the table of work, in the test's database only, that writes down every increment.

use std::ops::RangeInclusive;

use sqlx::PgPool;
use uuid::Uuid;

use crate::system::eventually;

/// The tick is the database's second in which the increment's statement began, told without asking the program. It writes as its
/// maker, since a worker's role may write nowhere else.
const AUDIT: &str = "
    create table public.audit (
        id uuid, tick bigint, worker text, step integer, epoch bigint, owner text, at timestamptz default clock_timestamp());
    create function public.audit() returns trigger language plpgsql security definer as $$ begin
        insert into public.audit
        select new.id, floor(extract(epoch from statement_timestamp())), new.currentworker, new.value - coalesce(old.value, 0), s.epoch, s.owner
        from scaler.slot s where s.slot = scaler.slot_of(new.id);
        return null;
    end $$;
    create trigger audit after update on public.work_items for each row execute function public.audit()";

pub(crate) async fn watch(user: &PgPool) {
    sqlx::raw_sql(AUDIT).execute(user).await.unwrap();
}

async fn number(user: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(user).await.unwrap()
}

/// No item twice in a tick, each time by one and by its slot's owner, and nothing that the audit did not see. How many increments.
pub(crate) async fn assert_nothing_doubled(user: &PgPool) -> i64 {
    let doubles = "select count(*) from (select from public.audit group by id, tick having count(*) > 1) as doubles";
    assert_eq!(number(user, doubles).await, 0, "items incremented twice in a tick");
    assert_eq!(number(user, "select count(*) from public.audit where step <> 1").await, 0, "steps other than 1");
    assert_eq!(
        number(user, "select count(*) from public.audit where worker <> owner").await,
        0,
        "increments by others than the owner"
    );
    number(user, "select count(*) from public.audit").await
}

/// Waits until these ticks have passed, and asserts that each item that exists then was incremented in each of them.
pub(crate) async fn assert_nothing_missed(user: &PgPool, ticks: RangeInclusive<i64>) {
    // An increment that began in the last of them may be committed in the next.
    let passed = ticks.end() + 2;
    eventually(&format!("tick {passed}"), async || {
        let now = number(user, "select tick from scaler.clock()").await;
        (now >= passed).then_some(()).ok_or(now)
    })
    .await;
    let missed = missed(user, ticks.clone()).await;
    assert!(missed.is_empty(), "ticks {ticks:?}: missed {missed:?}");
}

/// The items that are there now, and the ticks in which they were not incremented.
pub(crate) async fn missed(user: &PgPool, ticks: RangeInclusive<i64>) -> Vec<(Uuid, i64)> {
    let missed = "select w.id, t from public.work_items w cross join generate_series($1::bigint, $2::bigint) t
                  where not exists (select from public.audit a where a.id = w.id and a.tick = t) order by t, w.id";
    sqlx::query_as(missed).bind(ticks.start()).bind(ticks.end()).fetch_all(user).await.unwrap()
}

/// The longest time between two increments of any item, in milliseconds.
pub(crate) async fn longest_gap_ms(user: &PgPool) -> i64 {
    let gaps = "select coalesce(max(extract(epoch from gap) * 1000), 0)::bigint
                from (select at - lag(at) over (partition by id order by at) as gap from public.audit) as gaps";
    number(user, gaps).await
}

/// Returns the number of moves since the first assignment.
pub(crate) async fn moves(user: &PgPool) -> i64 {
    number(user, "select coalesce(sum(epoch), 0)::bigint from scaler.slot").await
}
