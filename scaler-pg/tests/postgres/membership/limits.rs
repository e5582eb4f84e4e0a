//! Many members, and long notifications.

use std::time::Instant;

use futures_util::future::{join_all, try_join_all};
use scaler_core::{Member, MemberState, Membership, Registration, WakeUp, WorkerId};
use scaler_pg::PgConfig;

use super::desk::{active, heard, listening, open};
use crate::support::installed;

#[tokio::test]
async fn a_notification_that_is_too_long_for_postgres_is_for_everyone() {
    let desk = installed(1000).await;
    let membership = open(&PgConfig::new(desk.database.url()));
    let mut stream = listening(&*membership).await;
    let named = |count: usize, length: usize| {
        WakeUp::slots((0..count).map(|n| WorkerId::new(format!("{n:0length$}")).unwrap()).collect())
    };
    // The longest that fits, and the shortest that does not.
    let (fits, too_long) = (named(31, 253), named(32, 253));
    membership.wake_up(&fits).await.unwrap();
    heard(&mut stream, &fits).await;
    for long in [too_long, named(WakeUp::MOST_NAMED, 253)] {
        membership.wake_up(&long).await.unwrap();
        heard(&mut stream, &WakeUp::Everyone).await;
    }
}

#[tokio::test]
async fn heartbeats_of_1000_members_are_heap_only_updates() {
    const ROUNDS: u32 = 5;
    let desk = installed(1000).await;
    let config = PgConfig::new(desk.database.url());
    let clients: Vec<_> = (0..8).map(|_| open(&config)).collect();
    let members: Vec<_> = (0..1000).map(|n| active(&format!("worker-{n}"))).collect();
    for round in 0..=ROUNDS {
        let begun = Instant::now();
        let beats = members.iter().zip(clients.iter().cycle()).map(|(member, client)| client.heartbeat(member));
        let answers = try_join_all(beats).await.unwrap();
        assert!(answers.iter().all(|answer| *answer == Registration::Current));
        println!("round {round}: 1000 heartbeats over 8 clients took {:?}", begun.elapsed());
    }
    let begun = Instant::now();
    assert_eq!(clients[0].members().await.unwrap().len(), 1000);
    println!("listing them took {:?}", begun.elapsed());
    // The sessions report what they did when they are idle, and all of it when they end.
    drop(clients);
    let updates = async || {
        let query =
            "select n_tup_upd - n_tup_hot_upd, n_tup_upd from pg_stat_user_tables where relid = 'scaler.member'::regclass";
        let row: (i64, i64) = sqlx::query_as(query).fetch_one(&desk.user).await.unwrap();
        row
    };
    let (cold, all) = loop {
        let (cold, all) = updates().await;
        if all >= i64::from(ROUNDS) * 1000 {
            break (cold, all);
        }
    };
    println!("{cold} of {all} heartbeats were not heap-only");
    assert!(cold * 20 < all, "{cold} of {all} heartbeats were not heap-only");
}

#[tokio::test]
async fn of_many_that_join_with_one_name_exactly_one_keeps_it() {
    let desk = installed(1000).await;
    let config = PgConfig::new(desk.database.url());
    let clients: Vec<_> = (0..8).map(|_| open(&config)).collect();
    let joiners: Vec<_> = clients.iter().map(|_| Member { state: MemberState::Joining, ..active("worker-1") }).collect();
    for _ in 0..20 {
        // One that waits for another one's lock for too long has changed nothing.
        join_all(joiners.iter().zip(&clients).map(|(member, client)| client.heartbeat(member))).await;
    }
    let mut holders = 0;
    for (member, client) in joiners.iter().zip(&clients) {
        let answer = client.heartbeat(member).await.unwrap();
        holders += usize::from(answer == Registration::Current);
    }
    assert_eq!((holders, clients[0].members().await.unwrap().len()), (1, 1));
}
