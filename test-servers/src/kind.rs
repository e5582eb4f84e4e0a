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

pub(crate) static POSTGRES: Kind = Kind {
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
    stop_signal: "INT",
    end_signal: "QUIT",
};

pub(crate) static REDIS: Kind = Kind {
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
    stop_signal: "TERM",
    end_signal: "KILL",
};

/// The newest version first.
fn debian_postgres_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> =
        versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))).collect();
    numbered.sort_unstable_by(|a, b| b.cmp(a));
    numbered.into_iter().map(|(_, folder)| folder).collect()
}
