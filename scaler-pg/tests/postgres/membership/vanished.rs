//! A Postgres whose packets are dropped: the connection that listens is replaced, too.

use std::time::Instant;

use futures_util::{FutureExt, StreamExt};
use scaler_core::{Membership, SlotCount, WakeUp};
use scaler_pg::{PgConfig, PgStore};
use test_servers::{Postgres, in_own_network};
use url::Url;

use super::desk::{active, eventually, heard, listening, open};

#[test]
fn a_connection_without_answers_is_replaced_and_everyone_is_woken_up() {
    in_own_network(async |network| {
        let server = Postgres::private().await;
        let database = server.new_database().await;
        let config = PgConfig::new(database.url());
        PgStore::new(&config).unwrap().install(SlotCount::new(256).ok()).await.unwrap();
        let port = Url::parse(database.url()).unwrap().port().unwrap();
        let (membership, member) = (open(&config), active("worker-1"));
        let mut stream = listening(&*membership).await;
        membership.heartbeat(&member).await.unwrap();

        network.silence(port);
        let begun = Instant::now();
        membership.heartbeat(&member).await.unwrap_err();
        println!("the first heartbeat failed after {:?}", begun.elapsed());
        // Until the old connection is given up, its notifications may still arrive.
        membership.heartbeat(&member).await.unwrap_err();
        while stream.next().now_or_never().is_some() {}
        network.restore(port);
        heard(&mut stream, &WakeUp::Everyone).await;
        println!("everyone was woken up {:?} after the silence began", begun.elapsed());
        eventually(async || membership.heartbeat(&member).await).await;
        membership.wake_up(&WakeUp::Members).await.unwrap();
        heard(&mut stream, &WakeUp::Members).await;
    });
}
