//! Servers that speak TLS only, and let in only clients with a certificate.

use std::path::Path;

use test_servers::{Authority, Identity, Postgres, Redis};
use url::Url;

use crate::oracle::{assert_nothing_doubled, assert_nothing_missed};
use crate::programs::{Program, Which};
use crate::system::{System, eventually};

/// Both servers, with certificates for 127.0.0.1, and what a program must be told to be let in.
struct Secured {
    authority: Authority,
    postgres: Postgres,
    redis: Redis,
    variables: Vec<(&'static str, String)>,
}

impl Secured {
    async fn new() -> Self {
        let authority = Authority::new();
        let certificate = authority.server("127.0.0.1");
        let postgres = Postgres::private_with_tls(&certificate).await;
        let redis = Redis::private_with_tls(&certificate).await;
        let port = |url: &str| Url::parse(url).unwrap().port().unwrap().to_string();
        let Identity { certificate, key } = authority.client("worker.example");
        let variables = vec![
            ("POSTGRES_HOST", "127.0.0.1".to_owned()),
            ("POSTGRES_PORT", port(postgres.url())),
            ("POSTGRES_SSLMODE", "verify-full".to_owned()),
            ("POSTGRES_SSLROOTCERT", text(&authority.file())),
            ("POSTGRES_SSLCERT", text(&certificate)),
            ("POSTGRES_SSLKEY", text(&key)),
            ("REDIS_HOST", "127.0.0.1".to_owned()),
            ("REDIS_PORT", port(redis.url())),
            ("REDIS_TLS", "on".to_owned()),
            ("REDIS_TLS_CA", text(&authority.file())),
            ("REDIS_TLS_CERT", text(&certificate)),
            ("REDIS_TLS_KEY", text(&key)),
        ];
        Self { authority, postgres, redis, variables }
    }

    /// For a URL: whom to trust, and as whom to come.
    fn database_url(&self) -> String {
        let Identity { certificate, key } = self.authority.client("user.example");
        let (root, certificate, key) = (text(&self.authority.file()), text(&certificate), text(&key));
        format!("{}?sslmode=verify-full&sslrootcert={root}&sslcert={certificate}&sslkey={key}", self.postgres.url())
    }

    /// A program, with some variables otherwise; those that are empty are not given.
    fn start(&self, which: Which, words: &[&str], other: &[(&str, &str)]) -> Program {
        let kept = self.variables.iter().map(|(name, value)| (*name, value.as_str()));
        let kept = kept.filter(|(name, _)| other.iter().all(|(changed, _)| changed != name));
        let changed = other.iter().copied().filter(|(_, value)| !value.is_empty());
        Program::start(which, words, &kept.chain(changed).collect::<Vec<_>>())
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn everything_works_over_tls_with_certificates_on_both_sides() {
    let secured = Secured::new().await;
    let mut system = System::on(secured.database_url(), secured.redis.url().to_owned()).await;
    system.variables.extend([("DATABASE_URL", String::new()), ("REDIS_URL", String::new())]);
    system.variables.extend(secured.variables.clone());
    let system = system.running(10, &["worker-1", "worker-2"]).await;
    system.until_loads(&[5, 5]).await;
    let first = system.tick().await + 1;
    assert_nothing_missed(&system.user, first..=first + 2).await;
    println!("over TLS: {} increments, 0 missed, 0 doubles", assert_nothing_doubled(&system.user).await);
    let (code, status) = system.tool(&["status"]).await;
    assert!(code == 0 && status.matches("healthy").count() == 2, "Redis is heard: {status}");
    let plain = "select count(*) from pg_stat_activity join pg_stat_ssl using (pid) where client_port > 0 and not ssl";
    let plain: i64 = sqlx::query_scalar(plain).fetch_one(&system.user).await.unwrap();
    assert_eq!(plain, 0, "every connection is encrypted");
}

#[tokio::test]
async fn postgres_refuses_a_connection_without_a_client_certificate() {
    let secured = Secured::new().await;
    for which in [Which::Worker, Which::ControlPlane] {
        let mut program =
            secured.start(which, &[], &[("POSTGRES_SSLCERT", ""), ("POSTGRES_SSLKEY", ""), ("POD_NAME", "worker-1")]);
        assert_eq!(program.ended().await, 64, "{program:?}");
        assert!(program.err.contain("connection requires a valid client certificate"), "{program:?}");
    }
    let mut plain = secured.start(
        Which::Tool,
        &["items", "list"],
        &[("POSTGRES_SSLMODE", "disable"), ("POSTGRES_SSLROOTCERT", ""), ("POSTGRES_SSLCERT", ""), ("POSTGRES_SSLKEY", "")],
    );
    assert_eq!(plain.ended().await, 64, "{plain:?}");
    assert!(plain.err.contain("no encryption"), "{plain:?}");
}

#[tokio::test]
async fn an_unverified_postgres_certificate_is_logged_and_retried() {
    let (secured, other) = (Secured::new().await, Authority::new());
    let foreign = text(&other.file());
    for (changed, expected) in
        [(("POSTGRES_SSLROOTCERT", foreign.as_str()), "UnknownIssuer"), (("POSTGRES_HOST", "localhost"), "localhost")]
    {
        let mut tool = secured.start(Which::Tool, &["items", "list", "--wait", "0"], &[changed]);
        assert_eq!(tool.ended().await, 69, "{tool:?}");
        assert!(tool.err.contain(expected) && tool.err.contain("invalid peer certificate"), "{tool:?}");
        let mut worker = secured.start(Which::Worker, &[], &[changed, ("POD_NAME", "worker-1")]);
        eventually("the worker tells", async || {
            let told = worker.err.contain(expected) && worker.err.contain("retrying");
            told.then_some(()).ok_or_else(|| format!("{worker:?}"))
        })
        .await;
        assert_eq!(worker.exit_code(), None, "it waits: {worker:?}");
    }
}

#[tokio::test]
async fn a_failed_redis_tls_handshake_is_logged_and_retried() {
    let (secured, other) = (Secured::new().await, Authority::new());
    let foreign = text(&other.file());
    for (changed, expected) in [
        (vec![("REDIS_TLS_CERT", ""), ("REDIS_TLS_KEY", "")], "CertificateRequired"),
        (vec![("REDIS_TLS_CA", foreign.as_str())], "UnknownIssuer"),
        (vec![("REDIS_HOST", "localhost")], "not valid for name"),
    ] {
        let control = secured.start(Which::ControlPlane, &[], &changed);
        eventually("the control plane tells", async || {
            control.err.contain(expected).then_some(()).ok_or_else(|| format!("{control:?}"))
        })
        .await;
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let (mine, other) = (authority.client("mine"), authority.client("other"));
    let (certificate, foreign, root) = (text(&mine.certificate), text(&other.key), text(&authority.file()));
    for (variables, expected) in [
        (vec![("POSTGRES_SSLMODE", "verify-full"), ("POSTGRES_SSLROOTCERT", "/nowhere")], "POSTGRES_SSLROOTCERT: /nowhere: "),
        (
            vec![("POSTGRES_SSLROOTCERT", root.as_str())],
            "POSTGRES_SSLROOTCERT: has no effect without POSTGRES_SSLMODE=verify-full",
        ),
        (vec![("POSTGRES_SSLCERT", &certificate), ("POSTGRES_SSLKEY", &foreign)], "does not belong to the certificate"),
        (vec![("REDIS_TLS", "on"), ("REDIS_TLS_KEY", &foreign)], "REDIS_TLS_KEY: has no effect without REDIS_TLS_CERT"),
        (vec![("REDIS_TLS_CA", &root)], "REDIS_TLS_CA: has no effect without REDIS_TLS=on"),
        (vec![("REDIS_TLS", "perhaps")], "REDIS_TLS"),
        (
            vec![("DATABASE_URL", "postgres://db/work?sslmode=verify-full&sslrootcert=/nowhere")],
            "DATABASE_URL: sslrootcert: /nowhere: ",
        ),
    ] {
        let mut worker = Program::start(Which::Worker, &[], &variables);
        assert_eq!(worker.ended().await, 64, "{worker:?}");
        assert!(worker.err.count() == 1 && worker.err.contain(expected), "{expected}: {worker:?}");
    }
}
