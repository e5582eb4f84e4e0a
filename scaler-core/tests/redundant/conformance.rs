//! Two paths keep every rule of a membership, and so does either of them while the other one is away.

use std::time::Duration;

use async_trait::async_trait;
use scaler_core::Membership;
use scaler_core::testing::membership::{Clients, MembershipFixture};

use crate::switch::{Mode, Switch, over};

struct Pair(Clients);

#[async_trait]
impl MembershipFixture for Pair {
    fn clients(&self) -> Clients {
        self.0.clone()
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

async fn pair(first: Mode, second: Mode) -> Pair {
    tokio::time::pause();
    let paths = [Switch::new(first), Switch::new(second)];
    let [here, there] = [over(&paths).0, over(&paths).0];
    // A path that drops packets is waited for once.
    for client in [&here, &there] {
        client.members().await.unwrap();
    }
    Pair([here, there])
}

macro_rules! suite_where {
    ($($name:ident: $first:ident, $second:ident;)+) => {
        $(mod $name {
            use super::{Mode, Pair, pair};

            scaler_core::membership_suite!(fixture);

            async fn fixture() -> Pair {
                pair(Mode::$first, Mode::$second).await
            }
        })+
    };
}

suite_where! {
    both_work: Works, Works;
    the_first_refuses: Refuses, Works;
    the_second_refuses: Works, Refuses;
    the_first_drops_packets: DropsPackets, Works;
    the_second_drops_packets: Works, DropsPackets;
}
