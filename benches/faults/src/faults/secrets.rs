//! Passwords and certificates that change while all programs run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use test_servers::{Authority, Postgres, Redis};

use crate::error::{PlayError, Result};
use crate::faults::redis::ask;
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::{Scene, World};

/// Role of the programs. The harness logs in as the superuser, with a certificate only.
const ROLE: &str = "program";
const RULES: &str =
    "hostssl all program all scram-sha-256 clientcert=verify-ca\nhostssl all all all trust clientcert=verify-ca\n";
const SOON: Duration = Duration::from_secs(30);

/// Files of all clients.
struct ClientFiles {
    authorities: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    password: PathBuf,
}

/// Files of one server.
struct ServerFiles {
    authorities: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

struct Servers {
    world: World,
    /// URL of Redis for the harness.
    redis: String,
    files: ClientFiles,
    of_postgres: ServerFiles,
    of_redis: ServerFiles,
}

/// Changes password, certificates and CA of both servers, one after the other, together with the files of the programs. After each step, all
/// connections are closed.
pub async fn rotated(stage: Stage) -> Result<Report> {
    let (old, new) = (Authority::new(), Authority::new());
    let (postgres, redis) =
        (Postgres::private_with_tls(&old.server("127.0.0.1")).await, Redis::private_with_tls(&old.server("127.0.0.1")).await);
    let mut servers = Servers::new(&old, &postgres, &redis, &stage).await?;
    servers.world.play(Scene::default()).await?;
    let watch = servers.world.watch().await?;

    servers.set_password("second").await?;
    servers.close_connections().await?;
    // The CA: first, all trust both; then, each presents its new certificate; then, the old CA is no longer trusted.
    servers.trust(&format!("{}{}", read(&old.file())?, read(&new.file())?)).await?;
    servers.close_connections().await?;
    servers.show_certificates_of(&new).await?;
    servers.close_connections().await?;
    servers.trust(&read(&new.file())?).await?;
    let closed = Instant::now();
    servers.close_connections().await?;
    let steady_after = servers.world.steady().await?.saturating_duration_since(closed);
    let report = Report::of(watch.judge(&servers.world.user).await?).none_missed().moves_at_most(0);
    Ok(report.steady_after(steady_after).note(servers.world.false_suspicions()))
}

impl Servers {
    async fn new(authority: &Authority, postgres: &Postgres, redis: &Redis, stage: &Stage) -> Result<Self> {
        let identity = authority.client("client.example");
        let password = authority.file().with_file_name("password");
        let files = ClientFiles { authorities: authority.file(), certificate: identity.certificate, key: identity.key, password };
        let database_url = files.postgres_url(postgres.url());
        let as_program = |url: &str, scheme: &str| url.replacen(scheme, &format!("{scheme}{ROLE}@"), 1);
        let mut world = World::in_database(&database_url, &as_program(redis.url(), "://"), stage.dice.clone()).await?;
        let program_url = database_url.replacen("postgres@", &format!("{ROLE}@"), 1);
        world.worker_database_url = Some(program_url.clone());
        world.control_database_url = Some(program_url);
        for (variable, file) in [
            ("POSTGRES_PASSWORD_FILE", &files.password),
            ("REDIS_PASSWORD_FILE", &files.password),
            ("REDIS_TLS_CA", &files.authorities),
            ("REDIS_TLS_CERT", &files.certificate),
            ("REDIS_TLS_KEY", &files.key),
        ] {
            world.variables.insert(variable.to_owned(), text(file)?.to_owned());
        }
        let of_postgres = ServerFiles {
            authorities: setting(&world, "ssl_ca_file").await?,
            certificate: setting(&world, "ssl_cert_file").await?,
            key: setting(&world, "ssl_key_file").await?,
        };
        let of_redis = ServerFiles {
            authorities: redis_setting(&files, redis.url(), "tls-ca-cert-file").await?,
            certificate: redis_setting(&files, redis.url(), "tls-cert-file").await?,
            key: redis_setting(&files, redis.url(), "tls-key-file").await?,
        };
        sqlx::raw_sql(AssertSqlSafe(format!("create role {ROLE} superuser login"))).execute(&world.user).await?;
        write(&setting(&world, "hba_file").await?, RULES)?;
        let servers = Self { world, redis: redis.url().to_owned(), files, of_postgres, of_redis };
        servers.reload().await?;
        servers.set_password("first").await?;
        Ok(servers)
    }

    /// Sets a new password in both servers and in the file. Open connections stay open.
    async fn set_password(&self, password: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(format!("alter role {ROLE} password '{password}'"))).execute(&self.world.user).await?;
        let rule = format!(">{password}");
        self.ask_redis(&["acl", "setuser", ROLE, "on", "resetpass", &rule, "~*", "&*", "+@all"]).await?;
        write(&self.files.password, &format!("{password}\n"))
    }

    /// Sets the CAs that clients and servers trust.
    async fn trust(&self, authorities: &str) -> Result<()> {
        for files in [&self.of_postgres, &self.of_redis] {
            write(&files.authorities, authorities)?;
        }
        write(&self.files.authorities, authorities)?;
        self.reload().await
    }

    /// Gives clients and servers new certificates of this CA.
    async fn show_certificates_of(&self, authority: &Authority) -> Result<()> {
        for files in [&self.of_postgres, &self.of_redis] {
            authority.server("127.0.0.1").write(&files.certificate, &files.key);
        }
        let identity = authority.client("client.example");
        write(&self.files.certificate, &read(&identity.certificate)?)?;
        write(&self.files.key, &read(&identity.key)?)?;
        self.reload().await
    }

    /// Makes the servers read their files again.
    async fn reload(&self) -> Result<()> {
        sqlx::raw_sql("select pg_reload_conf()").execute(&self.world.user).await?;
        let ServerFiles { authorities, certificate, key } = &self.of_redis;
        let files = [("tls-ca-cert-file", authorities), ("tls-cert-file", certificate), ("tls-key-file", key)];
        let mut words = vec!["config", "set"];
        for (name, file) in files {
            words.extend([name, text(file)?]);
        }
        let said = self.ask_redis(&words).await?;
        if said.trim() == "OK" { Ok(()) } else { Err(PlayError::Unfit(format!("Redis reads no certificates: {said}"))) }
    }

    /// Closes all connections of the programs, and waits until they work with new ones.
    async fn close_connections(&self) -> Result<()> {
        let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = $1";
        let _: i64 = sqlx::query_scalar(end).bind(ROLE).fetch_one(&self.world.user).await?;
        self.ask_redis(&["client", "kill", "user", ROLE]).await?;
        self.world.steady().await?;
        let programs = self.world.workers.len() + self.world.control_planes.len();
        eventually(SOON, "all programs are connected with Redis again", async || {
            let clients = self.ask_redis(&["client", "list"]).await?;
            let connected = clients.matches(&format!(" user={ROLE} ")).count();
            Ok(if connected >= programs { Ok(()) } else { Err(connected) })
        })
        .await
    }

    async fn ask_redis(&self, words: &[&str]) -> Result<String> {
        ask_over_tls(&self.files, &self.redis, words).await
    }
}

impl ClientFiles {
    fn postgres_url(&self, url: &str) -> String {
        let (root, certificate, key) = (self.authorities.display(), self.certificate.display(), self.key.display());
        format!("{url}?sslmode=verify-full&sslrootcert={root}&sslcert={certificate}&sslkey={key}")
    }
}

async fn ask_over_tls(files: &ClientFiles, url: &str, words: &[&str]) -> Result<String> {
    let (authorities, certificate, key) = (text(&files.authorities)?, text(&files.certificate)?, text(&files.key)?);
    ask(url, &[&["--cacert", authorities, "--cert", certificate, "--key", key], words].concat()).await
}

async fn redis_setting(files: &ClientFiles, url: &str, name: &str) -> Result<PathBuf> {
    let said = ask_over_tls(files, url, &["config", "get", name]).await?;
    let value = said.lines().nth(1).filter(|value| !value.is_empty());
    value.map(PathBuf::from).ok_or_else(|| PlayError::Unfit(format!("Redis has no {name}: {said}")))
}

async fn setting(world: &World, name: &str) -> Result<PathBuf> {
    let value: String = sqlx::query_scalar("select current_setting($1)").bind(name).fetch_one(&world.user).await?;
    Ok(value.into())
}

/// Writes the file in place, so that its owner does not change.
fn write(path: &Path, what: &str) -> Result<()> {
    fs::write(path, what).map_err(PlayError::io("writing a secret"))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(PlayError::io("reading a certificate"))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| PlayError::Unfit(format!("{} is not text", path.display())))
}
