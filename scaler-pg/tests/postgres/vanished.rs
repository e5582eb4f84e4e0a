//! Servers that vanish without a word: their packets are dropped, and another server takes over at their address.

use std::time::{Duration, Instant};

use scaler_core::{MemberKey, SlotCount, SlotRange, StoreError, WorkStore};
use scaler_pg::{PgConfig, PgStore, Pooler};
use sqlx::{Connection, PgConnection};
use test_servers::{PgBouncer, Postgres, PostgresPair, in_own_network};
use url::Url;

use crate::support::member;

/// The port at which programs look for Postgres.
const SERVICE: u16 = 7432;
/// A generous limit, for a busy machine; what it took is printed.
const LIMIT: Duration = Duration::from_secs(30);

fn port(url: &str) -> u16 {
    Url::parse(url).unwrap().port().unwrap()
}

fn at_service(url: &str) -> String {
    let mut url = Url::parse(url).unwrap();
    url.set_port(Some(SERVICE)).unwrap();
    url.into()
}

/// Makes a database with ten items of this owner, whose name is the same on each server.
async fn furnished(server: &Postgres, owner: &MemberKey) -> String {
    let mut user = PgConnection::connect(server.url()).await.unwrap();
    sqlx::raw_sql("create database work template template0").execute(&mut user).await.unwrap();
    let mut url = Url::parse(server.url()).unwrap();
    url.set_path("work");
    let store = PgStore::new(&PgConfig::new(url.as_str())).unwrap();
    store.install(SlotCount::new(256).ok()).await.unwrap();
    store.add_items(10).await.unwrap();
    own(url.as_str(), owner).await;
    url.into()
}

async fn own(url: &str, owner: &MemberKey) {
    let mut user = PgConnection::connect(url).await.unwrap();
    let give = "update scaler.slot set owner = $1, incarnation = $2, epoch = 1";
    sqlx::query(give).bind(owner.worker.as_str()).bind(owner.incarnation.uuid()).execute(&mut user).await.unwrap();
}

/// Repeats both calls of a worker until both succeed; how long that took.
async fn until_back(store: &PgStore, owner: &MemberKey) -> Duration {
    let begun = Instant::now();
    let ticked = async {
        while let Err(error) = store.tick(owner, SlotRange::ALL).await {
            assert!(begun.elapsed() < LIMIT, "ticks do not come back: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let listed = async {
        while !matches!(store.items(owner, SlotRange::ALL).await, Ok(items) if items.len() == 10) {
            assert!(begun.elapsed() < LIMIT, "lists do not come back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::join!(ticked, listed);
    begun.elapsed()
}

async fn works(store: &PgStore, owner: &MemberKey) {
    store.tick(owner, SlotRange::ALL).await.unwrap();
    assert_eq!(store.items(owner, SlotRange::ALL).await.unwrap().len(), 10);
}

#[test]
fn ticks_and_lists_go_on_with_the_server_that_took_over() {
    in_own_network(async |network| {
        let (first, second, owner) = (Postgres::private().await, Postgres::private().await, member("worker-1"));
        let url = furnished(&first, &owner).await;
        furnished(&second, &owner).await;
        network.redirect(SERVICE, port(first.url()));
        let store = PgStore::new(&PgConfig::for_worker(at_service(&url), owner.incarnation)).unwrap();
        works(&store, &owner).await;

        network.silence(port(first.url()));
        let begun = Instant::now();
        let error = store.tick(&owner, SlotRange::ALL).await.unwrap_err();
        assert!(matches!(error, StoreError::Unanswered { .. }), "{error}");
        println!("the first call failed after {:?}", begun.elapsed());
        assert!(begun.elapsed() < LIMIT);
        network.redirect(SERVICE, port(second.url()));
        println!("back {:?} after the other server was there", until_back(&store, &owner).await);
    });
}

#[test]
fn one_of_two_hosts_that_vanished_does_not_take_all_of_the_time() {
    in_own_network(async |network| {
        let (pair, owner) = (PostgresPair::private().await, member("worker-1"));
        let database = pair.new_database().await;
        let store = PgStore::new(&PgConfig::for_worker(database.url(), owner.incarnation)).unwrap();
        store.install(SlotCount::new(256).ok()).await.unwrap();
        store.add_items(10).await.unwrap();
        let primary = Url::parse(pair.primary().url()).unwrap();
        let own_url = format!("postgres://postgres@127.0.0.1:{}/{}", primary.port().unwrap(), database.name());
        own(&own_url, &owner).await;
        works(&store, &owner).await;
        network.silence(primary.port().unwrap());
        pair.promote().await;
        println!("back {:?} after the standby was promoted", until_back(&store, &owner).await);
    });
}

#[test]
fn behind_a_pooler_too() {
    in_own_network(async |network| {
        let (first, second, owner) = (Postgres::private().await, Postgres::private().await, member("worker-1"));
        let url = furnished(&first, &owner).await;
        furnished(&second, &owner).await;
        network.redirect(SERVICE, port(first.url()));
        let pooler = PgBouncer::in_front_of_port(SERVICE).await;
        let mut config = PgConfig::for_worker(pooler.url_of(&url), owner.incarnation);
        config.pooler = Pooler::Transaction;
        let store = PgStore::new(&config).unwrap();
        works(&store, &owner).await;

        network.silence(port(first.url()));
        store.tick(&owner, SlotRange::ALL).await.unwrap_err();
        network.redirect(SERVICE, port(second.url()));
        println!("back {:?} after the other server was there", until_back(&store, &owner).await);
    });
}

#[test]
fn work_that_lasts_ends_when_its_server_vanished() {
    in_own_network(async |network| {
        let (first, owner) = (Postgres::private().await, member("worker-1"));
        let url = furnished(&first, &owner).await;
        network.redirect(SERVICE, port(first.url()));
        slow_down(&url).await;
        let store = PgStore::new(&PgConfig::new(at_service(&url))).unwrap();
        let begun = Instant::now();
        let adding = async { store.add_items(100).await.map(drop).unwrap_err() };
        let vanish = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            network.silence(port(first.url()));
        };
        let (error, ()) = tokio::join!(adding, vanish);
        println!("given up after {:?}: {error}", begun.elapsed());
        assert!(matches!(error, StoreError::Unanswered { .. }), "{error}");
        assert!(begun.elapsed() < LIMIT);
    });
}

#[tokio::test]
async fn long_work_continues_while_its_server_lives() {
    let database = Postgres::database().await;
    let store = PgStore::new(&PgConfig::new(database.url())).unwrap();
    store.install(SlotCount::new(256).ok()).await.unwrap();
    slow_down(database.url()).await;
    assert_eq!(store.add_items(3).await.unwrap().len(), 3, "one statement of nine seconds");
}

/// Lets each new row of the table of work take three seconds.
async fn slow_down(url: &str) {
    let slow = "create function public.slowly() returns trigger language plpgsql as 'begin perform pg_sleep(3); return new; end';
                create trigger slow before insert on public.work_items for each row execute function public.slowly()";
    let mut user = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(slow).execute(&mut user).await.unwrap();
}
