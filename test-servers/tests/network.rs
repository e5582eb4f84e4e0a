//! A network of a test's own: ports are redirected, and packets dropped.

#![expect(clippy::unwrap_used, reason = "this file is a test, its helpers too")]

use std::time::Duration;

use test_servers::{Redis, in_own_network};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[test]
fn an_open_connection_stays_with_the_server_that_vanished() {
    in_own_network(async |network| {
        let (before, after) = (Redis::private().await, Redis::private().await);
        let service = 1;
        network.redirect(service, before.port());
        let mut old = TcpStream::connect(("127.0.0.1", service)).await.unwrap();
        assert!(answers(&mut old).await);

        network.silence(before.port());
        network.redirect(service, after.port());
        assert!(!answers(&mut old).await, "no answer, and no end of the connection");
        let mut new = TcpStream::connect(("127.0.0.1", service)).await.unwrap();
        assert!(answers(&mut new).await, "new connections reach the other server");

        network.restore(before.port());
        network.redirect(service, before.port());
        let mut back = TcpStream::connect(("127.0.0.1", service)).await.unwrap();
        assert!(answers(&mut back).await);
    });
}

#[test]
fn a_paused_server_accepts_connections_but_answers_only_once_resumed() {
    in_own_network(async |_| {
        let redis = Redis::private().await;
        redis.pause().await;
        let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).await.unwrap();
        assert!(!answers(&mut stream).await);
        redis.resume().await;
        assert!(answers(&mut stream).await);
    });
}

/// True if a PING is answered within a second.
async fn answers(stream: &mut TcpStream) -> bool {
    stream.write_all(b"ping\r\n").await.unwrap();
    let mut answer = [0; 7];
    timeout(Duration::from_secs(1), stream.read_exact(&mut answer)).await.is_ok_and(|read| read.is_ok())
}
