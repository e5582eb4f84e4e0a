//! The leader, as people see it.

use std::time::Duration;

use scaler_core::{Election, Hearing};
use uuid::Uuid;

use crate::support::installed;

const LEASE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn only_a_leader_that_hears_no_member_is_deaf() {
    let desk = installed(60_000).await;
    assert_eq!(desk.store.leader().await.unwrap(), None);
    let candidate = Uuid::new_v4();
    let term = desk.store.campaign(candidate, LEASE, Hearing::Members).await.unwrap().unwrap();
    let leader = desk.store.leader().await.unwrap().unwrap();
    assert_eq!((leader.term, leader.deaf_for), (term, None));
    for (hearing, is_deaf) in [(Hearing::NoMembers, true), (Hearing::Members, false)] {
        assert!(desk.store.renew(&term, LEASE, hearing).await.unwrap());
        let leader = desk.store.leader().await.unwrap().unwrap();
        assert_eq!(leader.deaf_for.is_some(), is_deaf, "{hearing:?}: {leader:?}");
    }
}
