//! Tests of rows and workers that Postgres refuses: all others go on.

use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::programs::{Program, get};
use crate::system::{System, eventually};

/// A system whose programs tell how they are.
async fn listening() -> System {
    let mut system = System::shared().await;
    system.variables.push(("LISTEN", "127.0.0.1:0".to_owned()));
    system
}

impl System {
    /// Returns the ticks that the other items miss during the next ticks, and the number of moves.
    async fn missed_by_others(&self, refused: &[Uuid], ticks: i64) -> (i64, i64) {
        let look =
            "select coalesce(jsonb_object_agg(w.id, s.last_tick - w.value), '{}')::text as late, sum(s.epoch)::bigint as epochs
                    from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id) where w.id <> all ($1)";
        let before = sqlx::query(look).bind(refused).fetch_one(&self.user).await.unwrap();
        self.until_tick(self.tick().await + ticks).await;
        let missed = "select coalesce(max(s.last_tick - w.value - ($2::jsonb ->> w.id::text)::bigint), 0), sum(s.epoch)::bigint - $3,
                             coalesce(max(now.tick - s.last_tick), 0)
                      from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id), scaler.clock() now where w.id <> all ($1)";
        let query = sqlx::query_as(missed).bind(refused).bind(before.get::<String, _>("late"));
        let (missed, moved, late): (i64, i64, i64) =
            query.bind(before.get::<i64, _>("epochs")).fetch_one(&self.user).await.unwrap();
        (missed.max(late - 1), moved)
    }

    async fn any_item_of(&self, worker: &str) -> Uuid {
        self.items_of(worker, 1).await[0]
    }

    /// Returns this many items of the worker, each in another slot.
    async fn items_of(&self, worker: &str, count: i64) -> Vec<Uuid> {
        let query = "select (array_agg(w.id))[1] from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id)
                     where s.owner = $1 group by s.slot limit $2";
        sqlx::query_scalar(query).bind(worker).bind(count).fetch_all(&self.user).await.unwrap()
    }
}

#[tokio::test]
async fn a_refused_row_is_named_and_no_other_misses_a_tick() {
    let system = listening().await.running(30, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[10, 10, 10]).await;
    let bad = system.any_item_of("worker-2").await;
    let forbid = format!("alter table work_items add constraint small check (id <> '{bad}' or value < 10) not valid");
    sqlx::raw_sql(AssertSqlSafe(forbid)).execute(&system.user).await.unwrap();
    let worker = &system.workers["worker-2"];
    eventually("the worker names the row", async || {
        let named = worker.err.contain(&format!("{bad}: new row for relation \"work_items\" violates check constraint"));
        named.then_some(()).ok_or_else(|| format!("{worker:?}"))
    })
    .await;
    assert_eq!(system.missed_by_others(&[bad], 8).await, (0, 0), "{:?}", system.control);
    let told = worker.err.all().iter().filter(|line| line.contains("refuses to change")).count();
    assert_eq!(told, 1, "named once");
    let address = worker.address().await;
    let ready = get(&address, "/ready");
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains(&format!("refuses to change 1 items; {bad}: ")), "{ready}");
    let metrics = get(&address, "/metrics");
    let counted =
        metrics.lines().find_map(|line| line.strip_prefix("notifi_scaler_worker_refused_items_total ")?.parse::<u64>().ok());
    assert!(counted.is_some_and(|count| count > 0), "{metrics}");
    let (code, said) = system.tool(&["status", "--check"]).await;
    assert!(
        code == 1 && said.contains(&format!("worker-2: Postgres refuses to change 1 items; {bad}: new row")),
        "{code} {said}"
    );
    let (code, said) = system.tool(&["verify", "--window", "3s"]).await;
    assert!(
        code == 1 && said.contains(&format!("worker-2: Postgres refuses to change 1 items; {bad}: new row")),
        "{code} {said}"
    );

    system.run("alter table work_items drop constraint small").await;
    let worker = &system.workers["worker-2"];
    eventually("it is ticked again", async || {
        worker.err.contain("accepts changes of all items again").then_some(()).ok_or("not yet")
    })
    .await;
    assert_eq!(system.missed_by_others(&[], 4).await, (0, 0));
}

#[tokio::test]
async fn workers_take_over_from_a_worker_whose_writes_are_refused() {
    let system = listening().await.running(30, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[10, 10, 10]).await;
    system.run("alter table work_items add constraint known check (currentworker <> 'worker-2') not valid").await;
    let worker = &system.workers["worker-2"];
    eventually("it says so", async || {
        worker.err.contain("refuses all writes of this worker").then_some(()).ok_or_else(|| format!("{worker:?}"))
    })
    .await;
    eventually("others own its items", async || {
        let owned = system.owned().await;
        (!owned.contains_key("worker-2")).then_some(()).ok_or(owned)
    })
    .await;
    assert_eq!(system.missed_by_others(&[], 10).await, (0, 0), "it is given nothing");
    let ready = get(&system.workers["worker-2"].address().await, "/ready");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("violates check constraint \"known\""), "{ready}");
    let (_, said) = system.tool(&["status"]).await;
    assert!(said.contains("barred") && said.contains("worker-2: Postgres refuses all writes of this worker: "), "{said}");
    system.run("alter table work_items drop constraint known").await;
    system.until_loads(&[10, 10, 10]).await;
}

#[tokio::test]
async fn where_no_worker_may_write_nothing_moves() {
    let system = listening().await.running(30, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[10, 10, 10]).await;
    let epochs = async || {
        let epochs: i64 = sqlx::query_scalar("select sum(epoch)::bigint from scaler.slot").fetch_one(&system.user).await.unwrap();
        epochs
    };
    let before = epochs().await;
    // Each row is refused; then the whole statement.
    for (breaks, mends) in [
        (
            "alter table work_items add constraint nobody check (currentworker is null) not valid",
            "alter table work_items drop constraint nobody",
        ),
        ("alter table work_items rename value to amount", "alter table work_items rename amount to value"),
    ] {
        let says =
            |worker: &Program| worker.err.all().iter().filter(|line| line.contains("refuses all writes of this worker")).count();
        let said: Vec<_> = system.workers.values().map(says).collect();
        system.run(breaks).await;
        eventually("each worker says so", async || {
            let all = system.workers.values().zip(&said).all(|(worker, said)| says(worker) > *said);
            all.then_some(()).ok_or_else(|| format!("{:?}", system.workers))
        })
        .await;
        system.run(mends).await;
        eventually("every row is ticked again", async || match system.missed_by_others(&[], 4).await {
            (0, 0) => Ok(()),
            missed => Err(missed),
        })
        .await;
    }
    assert_eq!(epochs().await, before, "a slot has moved: {:?}", system.control);
}

#[tokio::test]
async fn rows_whose_update_never_ends_stop_no_other_row() {
    let system = listening().await.running(30, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[10, 10, 10]).await;
    let bad = system.items_of("worker-2", 2).await;
    let hang = format!(
        "create function hang() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$;
         create trigger hang before update on work_items for each row when (new.id = any ('{{{}}}')) execute function hang()",
        bad.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",")
    );
    sqlx::raw_sql(AssertSqlSafe(hang)).execute(&system.user).await.unwrap();
    // It may be given to another worker once, since its owner cannot tick anything while it finds out.
    eventually("a worker names slots", async || {
        let mut names = system.workers.values().map(|worker| worker.err.contain("cannot tick some slots of this range"));
        names.any(|names| names).then_some(()).ok_or_else(|| format!("{:?} {:?}", system.control, system.workers))
    })
    .await;
    eventually("no other row misses a tick", async || match system.missed_by_others(&bad, 4).await {
        (0, 0) => Ok(()),
        missed => Err(missed),
    })
    .await;
    // Meanwhile the row is tried again and again, each time until Postgres ends the statement.
    let (missed, moved) = system.missed_by_others(&bad, 20).await;
    // A worker that was taken for cut off gets its share back in this time, and no more moves than that.
    assert!(missed == 0 && moved <= 10, "{missed} missed, {moved} moved: {:?} {:?}", system.control, system.workers);
    system.run("drop trigger hang on work_items").await;
    eventually("all rows are ticked again", async || match system.missed_by_others(&[], 4).await {
        (0, 0) => Ok(()),
        missed => Err(missed),
    })
    .await;
}
