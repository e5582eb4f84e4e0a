//! Kinds of servers and the differences between them.

use std::fs;
use std::path::PathBuf;

/// Properties of a kind of server: how it is found, started and stopped.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Prefix of the names of its folders.
    pub(crate) folder_prefix: &'static str,
    /// Sources besides programs of this machine; `None` if there are no others.
    pub(crate) offer: Option<Offer>,
    /// Log message, once per start, that reports that the server accepts connections.
    pub(crate) ready: &'static str,
    /// Programs that must be in the same folder.
    pub(crate) programs: &'static [&'static str],
    /// Environment variable that names the only folder to take the programs from.
    pub(crate) folder_variable: &'static str,
    /// Folders besides `PATH`: as text for error messages, and as a list for the search, the best one first.
    pub(crate) elsewhere: &'static str,
    pub(crate) folders: fn() -> Vec<PathBuf>,
    /// Shell script that becomes the server. Arguments: folder of the programs, port, more options.
    pub(crate) script: &'static str,
    /// Options that make it accept only TLS, on this port, and only clients with a certificate. The files are those that
    /// scripts/tls.sh has written to this folder.
    pub(crate) tls_options: fn(&str, u16) -> Vec<String>,
    /// Signal for a clean shutdown.
    pub(crate) stop_signal: &'static str,
    /// Signal that stops it immediately.
    pub(crate) end_signal: &'static str,
}

/// Sources of a server besides programs of this machine.
#[derive(Debug)]
pub(crate) struct Offer {
    /// Environment variable that may hold a URL.
    pub(crate) url_variable: &'static str,
    /// Environment variable that may name another image.
    pub(crate) image_variable: &'static str,
    pub(crate) image: &'static str,
    /// Port inside a container.
    pub(crate) port: u16,
    pub(crate) env: &'static [(&'static str, &'static str)],
    pub(crate) command: &'static [&'static str],
    /// Output of a container on which its server reports that it is ready.
    pub(crate) log: Stream,
    /// User that must own its certificates inside a container.
    pub(crate) owner: &'static str,
}

/// Output stream of a container.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

pub(crate) const POSTGRES: Kind = Kind {
    name: "Postgres",
    folder_prefix: "test-postgres-",
    offer: Some(Offer {
        url_variable: "TEST_DATABASE_URL",
        image_variable: "TEST_POSTGRES_IMAGE",
        image: "postgres:17",
        port: 5432,
        env: &[("POSTGRES_HOST_AUTH_METHOD", "trust")],
        command: &["postgres", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300"],
        // The temporary server that the image runs during initialisation prints the same message on stdout.
        log: Stream::Stderr,
        owner: "postgres",
    }),
    ready: "database system is ready to accept connections",
    programs: &["initdb", "postgres"],
    folder_variable: "TEST_POSTGRES_BIN",
    elsewhere: "/usr/lib/postgresql/*/bin",
    folders: debian_postgres_folders,
    script: include_str!("scripts/postgres.sh"),
    tls_options: postgres_tls_options,
    stop_signal: "INT",
    end_signal: "QUIT",
};

pub(crate) const REDIS: Kind = Kind {
    name: "Redis",
    folder_prefix: "test-redis-",
    offer: Some(Offer {
        url_variable: "TEST_REDIS_URL",
        image_variable: "TEST_REDIS_IMAGE",
        image: "redis:7",
        port: 6379,
        env: &[],
        command: &["redis-server", "--save", "", "--appendonly", "no"],
        log: Stream::Stdout,
        owner: "redis",
    }),
    ready: "Ready to accept connections",
    programs: &["redis-server"],
    folder_variable: "TEST_REDIS_BIN",
    elsewhere: "/usr/bin",
    folders: || vec![PathBuf::from("/usr/bin")],
    script: include_str!("scripts/redis.sh"),
    tls_options: redis_tls_options,
    stop_signal: "TERM",
    end_signal: "KILL",
};

/// Postgres standby. Its first options are the port and the data folder of the primary.
pub(crate) static STANDBY: Kind = Kind {
    name: "Postgres standby",
    folder_prefix: "test-standby-",
    offer: None,
    ready: "database system is ready to accept read-only connections",
    script: include_str!("scripts/standby.sh"),
    ..POSTGRES
};

/// Connection pooler in front of a Postgres, whose host and port are its options.
pub(crate) static PGBOUNCER: Kind = Kind {
    name: "pgbouncer",
    folder_prefix: "test-pgbouncer-",
    offer: None,
    ready: "process up: PgBouncer",
    programs: &["pgbouncer"],
    folder_variable: "TEST_PGBOUNCER_BIN",
    elsewhere: "/usr/sbin",
    folders: || vec![PathBuf::from("/usr/sbin")],
    script: include_str!("scripts/pgbouncer.sh"),
    tls_options: |_, _| Vec::new(),
    // From 1.23 on TERM waits for clients to disconnect, and earlier versions that run in the background ignore QUIT.
    stop_signal: "KILL",
    end_signal: "KILL",
};

/// Redis Sentinel. Its first option is the port of the primary. Its script finds the files for TLS itself.
pub(crate) static SENTINEL: Kind = Kind {
    name: "Redis Sentinel",
    folder_prefix: "test-sentinel-",
    offer: None,
    ready: "+monitor master",
    script: include_str!("scripts/sentinel.sh"),
    tls_options: |_, _| Vec::new(),
    ..REDIS
};

/// Node of a Redis Cluster that knows no other node yet.
pub(crate) static CLUSTER_NODE: Kind = Kind {
    name: "Redis Cluster",
    folder_prefix: "test-cluster-",
    offer: None,
    script: include_str!("scripts/cluster_node.sh"),
    ..REDIS
};

fn postgres_tls_options(folder: &str, _port: u16) -> Vec<String> {
    let files = [
        ("ssl_ca_file", "authorities.crt"),
        ("ssl_cert_file", "server.crt"),
        ("ssl_key_file", "server.key"),
        ("hba_file", "pg_hba.conf"),
    ];
    let settings = files.map(|(setting, file)| format!("{setting}={folder}/{file}"));
    ["ssl=on".to_owned()].into_iter().chain(settings).flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// Returns options that override earlier ones: the last occurrence of an option counts.
fn redis_tls_options(folder: &str, port: u16) -> Vec<String> {
    let file = |option: &str, name| [option.to_owned(), format!("{folder}/{name}")];
    let files = [
        file("--tls-ca-cert-file", "authorities.crt"),
        file("--tls-cert-file", "server.crt"),
        file("--tls-key-file", "server.key"),
    ];
    let others = ["--port", "0", "--tls-auth-clients", "yes", "--tls-port", &port.to_string()].map(str::to_owned);
    others.into_iter().chain(files.into_iter().flatten()).collect()
}

/// Returns the folders of Debian's Postgres programs, the newest version first.
fn debian_postgres_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> =
        versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))).collect();
    numbered.sort_unstable_by(|a, b| b.cmp(a));
    numbered.into_iter().map(|(_, folder)| folder).collect()
}
