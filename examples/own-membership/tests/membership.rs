//! The membership passes the contract of all memberships.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use own_membership::FolderMembership;
use scaler_core::testing::membership::{Clients, MembershipFixture};
use scaler_core::{Membership, MembershipError};
use tempfile::TempDir;

/// Two clients of a folder of their own.
struct Fixture(TempDir);

async fn fixture() -> Fixture {
    Fixture(tempfile::tempdir().unwrap())
}

#[async_trait]
impl MembershipFixture for Fixture {
    fn clients(&self) -> Clients {
        [(); 2].map(|()| Arc::new(FolderMembership::open(self.0.path()).unwrap()) as Arc<dyn Membership>)
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

scaler_core::membership_suite!(fixture);

#[tokio::test]
async fn a_file_of_another_program_is_named_and_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let members = FolderMembership::open(folder.path()).unwrap();
    let file = folder.path().join("members.json");
    std::fs::write(&file, "notes").unwrap();
    let refused = members.members().await.unwrap_err();
    assert!(matches!(refused, MembershipError::Misshapen { .. }) && refused.to_string().contains("members.json"), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "notes");
}
