//! Servers that are reached by IPv6 addresses, and programs that are.

use std::net::{SocketAddr, TcpStream};

use test_servers::{Authority, Identity, Postgres, Redis};
use url::Url;

use crate::programs::{Program, Which, get};
use crate::system::System;

fn port(url: &str) -> String {
    Url::parse(url).unwrap().port().unwrap().to_string()
}

#[tokio::test]
async fn servers_are_reached_by_ipv6_addresses_in_urls_and_in_parts() {
    let (postgres, redis) = (Postgres::private().await, Redis::private().await);
    let by_ipv6 = |url: &str| url.replacen("127.0.0.1", "[::1]", 1);
    let mut system = System::on(postgres.url().to_owned(), redis.url().to_owned()).await;
    system.variables.extend([("DATABASE_URL", by_ipv6(postgres.url())), ("REDIS_URL", by_ipv6(redis.url()))]);
    let mut system = system.running(10, &["worker-1", "worker-2"]).await;
    system.until_loads(&[5, 5]).await;
    system.variables.extend([
        ("DATABASE_URL", String::new()),
        ("REDIS_URL", String::new()),
        ("POSTGRES_HOST", "::1".to_owned()),
        ("POSTGRES_PORT", port(postgres.url())),
        ("REDIS_HOST", "::1".to_owned()),
        ("REDIS_PORT", port(redis.url())),
    ]);
    for host in ["::1", "[::1]"] {
        system.variables.extend([("POSTGRES_HOST", host.to_owned()), ("REDIS_HOST", host.to_owned())]);
        let (code, status) = system.tool(&["status"]).await;
        assert!(code == 0 && status.matches("healthy").count() == 2, "{host}: {status}");
    }
    // Several hosts, of which the first is away.
    let hosts = format!("[::1]:1,[::1]:{}", port(postgres.url()));
    system.variables.push(("POSTGRES_HOST", hosts));
    assert_eq!(system.tool(&["items", "list"]).await.0, 0);
}

#[tokio::test]
async fn tls_checks_an_ipv6_address() {
    let authority = Authority::new();
    let certificate = authority.server("::1");
    let (postgres, redis) = (Postgres::private_with_tls(&certificate).await, Redis::private_with_tls(&certificate).await);
    let Identity { certificate, key } = authority.client("worker.example");
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let (ca, certificate, key) = (text(authority.file()), text(certificate), text(key));
    let (postgres, redis) = (port(postgres.url()), port(redis.url()));
    let variables = [
        ("POSTGRES_HOST", "::1"),
        ("POSTGRES_PORT", &postgres),
        ("POSTGRES_SSLMODE", "verify-full"),
        ("POSTGRES_SSLROOTCERT", &ca),
        ("POSTGRES_SSLCERT", &certificate),
        ("POSTGRES_SSLKEY", &key),
        ("REDIS_HOST", "::1"),
        ("REDIS_PORT", &redis),
        ("REDIS_TLS", "on"),
        ("REDIS_TLS_CA", &ca),
        ("REDIS_TLS_CERT", &certificate),
        ("REDIS_TLS_KEY", &key),
    ];
    for words in [["migrate"], ["status"]] {
        let mut tool = Program::start(Which::Tool, &words, &variables);
        assert_eq!(tool.ended().await, 0, "{words:?} {tool:?}");
    }
}

#[tokio::test]
async fn by_default_a_program_answers_on_both() {
    let system = System::shared().await;
    let worker = system.start(Which::Worker, &[], &[("POD_NAME", "worker-1"), ("LISTEN", "[::]:0")]);
    let address: SocketAddr = worker.address().await.parse().unwrap();
    for host in ["127.0.0.1", "[::1]"] {
        let to = format!("{host}:{}", address.port());
        assert!(TcpStream::connect(&to).is_ok() && get(&to, "/health").starts_with("HTTP/1.1 200"), "{to}");
    }
}
