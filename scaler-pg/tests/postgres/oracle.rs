//! Owners that tick while slots move under their feet, watched by an oracle that does not trust the program: a trigger on the
//! table of work that writes down every increment. The same without the fence, to prove that the oracle sees doubles.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{Desk, installed, member};
use futures_util::future::join_all;
use scaler_core::{Cause, Election, Hearing, ItemId, MemberKey, Outcome, SlotRange, Timing, Transfer, WorkStore};
use uuid::Uuid;

/// Its names are whole: what a tick by function runs has a search path of its own.
pub(crate) const AUDIT: &str = "
    create table public.audit (id uuid, tick bigint, worker text, step integer);
    create function public.audit() returns trigger language plpgsql as $$ begin
        insert into public.audit
        values (new.id, floor(extract(epoch from statement_timestamp()) * 1000 / 200), new.currentworker, new.value - old.value);
        return null;
    end $$;
    create trigger audit after update on public.work_items for each row execute function public.audit()";
const DOUBLES: &str = "select count(*) from (select from public.audit group by id, tick having count(*) > 1) as doubles";
const INCREMENTS: &str = "select count(*) from public.audit";

/// A store whose ticks last 200 ms, with 200 items, and slots that change hands at random for five seconds.
pub(crate) async fn shuffle(store: &dyn WorkStore, election: &dyn Election, owners: &[MemberKey], stop: &AtomicBool) -> u64 {
    let term = election.campaign(Uuid::new_v4(), Duration::from_secs(60), Hearing::Members).await.unwrap().unwrap();
    let mut moved = 0;
    let begun = tokio::time::Instant::now();
    let mut dice = 7_u64;
    while begun.elapsed() < Duration::from_secs(5) {
        let assignment = store.assignment().await.unwrap();
        let transfers = assignment.slots.iter().zip(0..).filter_map(|(state, number)| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (slot, to) = (scaler_core::Slot::new(number), &owners[(dice >> 40) as usize % owners.len()]);
            let wanted = state.owner.is_none() || dice >> 60 == 0;
            wanted.then(|| Transfer { slot, epoch: state.epoch, to: to.clone(), timing: Timing::Now, cause: Cause::Rebalance })
        });
        match store.commit(&term, &transfers.collect::<Vec<_>>()).await.unwrap() {
            Outcome::Committed { moved: slots, .. } => moved += slots.len() as u64,
            Outcome::Deposed => unreachable!("nobody else campaigns"),
        }
    }
    stop.store(true, Ordering::Relaxed);
    moved
}

pub(crate) async fn watched() -> Desk {
    let desk = installed(200).await;
    desk.run(AUDIT).await;
    desk.store.add_items(200).await.unwrap();
    desk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_fence_no_item_is_incremented_twice_in_a_tick() {
    let desk = watched().await;
    println!("{}", assert_fenced(&desk, &*desk.store, &*desk.store).await);
}

/// Owners tick this store while slots move: no item of the desk is incremented twice in a tick, and each time by one. What happened, in words.
pub(crate) async fn assert_fenced(desk: &Desk, store: &dyn WorkStore, election: &dyn Election) -> String {
    let owners = ["a", "b", "c", "d"].map(member);
    let stop = AtomicBool::new(false);
    let tick = async |owner: &MemberKey| {
        while !stop.load(Ordering::Relaxed) {
            store.tick(owner, SlotRange::ALL).await.unwrap();
        }
    };
    // Two of a name at once: a blind retry is safe.
    let ticking = join_all(owners.iter().chain(&owners).map(tick));
    let (moved, _) = tokio::join!(shuffle(store, election, &owners, &stop), ticking);
    let increments = desk.number(INCREMENTS).await;
    assert!(moved > 500 && increments > 2000, "too little happened: {moved} moves, {increments} increments");
    assert_eq!(desk.number(DOUBLES).await, 0, "of {increments} increments under {moved} moves");
    assert_eq!(desk.number("select count(*) from public.audit where step <> 1").await, 0);
    assert_eq!(desk.number("select sum(value) from public.work_items").await, increments);
    format!("{increments} increments, {moved} moves, 0 doubles")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_fence_the_oracle_finds_doubles() {
    let desk = watched().await;
    let owners = ["a", "b", "c", "d"].map(member);
    let stop = AtomicBool::new(false);
    // Each trusts the list that it read at the beginning of the tick, as one does without a fence.
    let tick = async |owner: &MemberKey| {
        while !stop.load(Ordering::Relaxed) {
            let items: Vec<_> =
                desk.store.items(owner, SlotRange::ALL).await.unwrap().iter().filter_map(ItemId::as_uuid).collect();
            let unfenced = "update public.work_items set value = value + 1, currentworker = $1 where id = any ($2)";
            sqlx::query(unfenced).bind(owner.worker.as_str()).bind(items).execute(&desk.user).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let (moved, _) = tokio::join!(shuffle(&*desk.store, &*desk.store, &owners, &stop), join_all(owners.iter().map(tick)));
    let (doubles, increments) = (desk.number(DOUBLES).await, desk.number(INCREMENTS).await);
    assert!(doubles > 0, "the oracle missed the doubles among {increments} increments under {moved} moves");
    println!("{increments} increments, {moved} moves, {doubles} doubles");
}
