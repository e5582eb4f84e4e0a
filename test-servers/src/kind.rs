//! What tells one kind of server from the other.

use std::fs;
use std::path::PathBuf;

/// All that differs between Postgres and Redis while a server is found, started and stopped.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Starts the names of its folders.
    pub(crate) folder_prefix: &'static str,
    /// The environment variable that may hold a URL.
    pub(crate) url_variable: &'static str,
    /// The environment variable that may name another image.
    pub(crate) image_variable: &'static str,
    pub(crate) image: &'static str,
    /// The port inside a container.
    pub(crate) container_port: u16,
    pub(crate) container_env: &'static [(&'static str, &'static str)],
    pub(crate) container_command: &'static [&'static str],
    /// Where a container's server says that it is ready.
    pub(crate) container_log: Stream,
    /// What a server's log says, once a start, when it takes connections.
    pub(crate) ready: &'static str,
    /// The programs that must lie together in one folder.
    pub(crate) programs: &'static [&'static str],
    /// Where they may lie besides PATH, for people and for the search, the best one first.
    pub(crate) elsewhere: &'static str,
    pub(crate) folders: fn() -> Vec<PathBuf>,
    /// A shell script that becomes the server: folder of the programs, port, more options.
    pub(crate) script: &'static str,
    /// Options that make it speak TLS only, on this port, to clients with a certificate only, by the files that scripts/tls.sh
    /// has put into this folder.
    pub(crate) tls_options: fn(&str, u16) -> Vec<String>,
    /// Whom its certificates must belong to inside a container.
    pub(crate) container_owner: &'static str,
    /// The signal that stops it in good order.
    pub(crate) stop_signal: &'static str,
    /// The signal that stops it at once.
    pub(crate) end_signal: &'static str,
}

/// An output of a container.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

pub(crate) static POSTGRES: Kind = AS_POSTGRES;

const AS_POSTGRES: Kind = Kind {
    name: "Postgres",
    folder_prefix: "test-postgres-",
    url_variable: "TEST_DATABASE_URL",
    image_variable: "TEST_POSTGRES_IMAGE",
    image: "postgres:17",
    container_port: 5432,
    container_env: &[("POSTGRES_HOST_AUTH_METHOD", "trust")],
    container_command: &["postgres", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300"],
    // The server that the image uses while it initialises says the same on stdout.
    container_log: Stream::Stderr,
    ready: "database system is ready to accept connections",
    programs: &["initdb", "postgres"],
    elsewhere: "/usr/lib/postgresql/*/bin",
    folders: debian_postgres_folders,
    script: include_str!("scripts/postgres.sh"),
    tls_options: postgres_tls_options,
    container_owner: "postgres",
    stop_signal: "INT",
    end_signal: "QUIT",
};

pub(crate) static REDIS: Kind = AS_REDIS;

const AS_REDIS: Kind = Kind {
    name: "Redis",
    folder_prefix: "test-redis-",
    url_variable: "TEST_REDIS_URL",
    image_variable: "TEST_REDIS_IMAGE",
    image: "redis:7",
    container_port: 6379,
    container_env: &[],
    container_command: &["redis-server", "--save", "", "--appendonly", "no"],
    container_log: Stream::Stdout,
    ready: "Ready to accept connections",
    programs: &["redis-server"],
    elsewhere: "/usr/bin",
    folders: || vec![PathBuf::from("/usr/bin")],
    script: include_str!("scripts/redis.sh"),
    tls_options: redis_tls_options,
    container_owner: "redis",
    stop_signal: "TERM",
    end_signal: "KILL",
};

/// A Postgres that follows another one. It differs from any other in how it begins, and in what it says when it is ready.
pub(crate) static STANDBY: Kind = Kind {
    name: "Postgres standby",
    programs: &["pg_basebackup", "postgres"],
    ready: "database system is ready to accept read-only connections",
    script: include_str!("scripts/standby.sh"),
    ..AS_POSTGRES
};

/// A Sentinel, which watches a Redis and lets a replica take its place.
pub(crate) static SENTINEL: Kind =
    Kind { name: "Redis Sentinel", ready: "Sentinel ID is", script: include_str!("scripts/sentinel.sh"), ..AS_REDIS };

/// A pooler before a Postgres.
pub(crate) static PGBOUNCER: Kind = Kind {
    name: "PgBouncer",
    folder_prefix: "test-pgbouncer-",
    programs: &["pgbouncer"],
    elsewhere: "/usr/sbin",
    folders: || vec![PathBuf::from("/usr/sbin")],
    ready: "process up: PgBouncer",
    script: include_str!("scripts/pgbouncer.sh"),
    ..AS_POSTGRES
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

/// Of an option that is given twice, the last one counts.
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

/// The newest version first.
fn debian_postgres_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> =
        versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))).collect();
    numbered.sort_unstable_by(|a, b| b.cmp(a));
    numbered.into_iter().map(|(_, folder)| folder).collect()
}
