//! Connection settings of Postgres and Redis.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use scaler_pg::Pooler;
use scaler_redis::{ClientIdentity, RedisTls};
use secrecy::SecretString;

use super::endpoint::Parts;
use super::secret::content;
use super::tls::{PemFile, PemFiles};
use super::value::{duration, port};
use super::{Endpoint, Problem, Secrets, SslMode, Tls, WorkArgs};
use crate::Failure;

/// Connection settings of Postgres. `DATABASE_URL` replaces host, port, user, database and TLS settings.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Postgres")]
pub struct PostgresArgs {
    /// Host of Postgres, or several separated by commas, each with an optional port: the one that accepts writes is used
    #[arg(long, env, default_value = "localhost", value_parser = NonEmptyStringValueParser::new())]
    pub postgres_host: String,
    /// Port of Postgres
    #[arg(long, env, default_value = "5432", value_parser = port)]
    pub postgres_port: u16,
    /// User to log in as
    #[arg(long, env, default_value = "postgres", value_parser = NonEmptyStringValueParser::new())]
    pub postgres_user: String,
    /// File with the password, read for each new connection, in place of POSTGRES_PASSWORD or of the password in DATABASE_URL
    #[arg(long, env)]
    pub postgres_password_file: Option<PathBuf>,
    /// Name of the database
    #[arg(long, env, default_value = "postgres", value_parser = NonEmptyStringValueParser::new())]
    pub postgres_db: String,
    /// TLS mode and verification of the server certificate, as in libpq
    #[arg(long, env, value_enum, default_value_t = SslMode::Prefer)]
    pub postgres_sslmode: SslMode,
    /// PEM file with the CA bundle that verifies the server certificate, for verify-ca and verify-full
    #[arg(long, env)]
    pub postgres_sslrootcert: Option<PathBuf>,
    /// PEM file with the client certificate
    #[arg(long, env)]
    pub postgres_sslcert: Option<PathBuf>,
    /// PEM file with the private key of the client certificate
    #[arg(long, env)]
    pub postgres_sslkey: Option<PathBuf>,
    /// Connection pooler mode: `none`, or `transaction` for a pooler in transaction mode, such as PgBouncer
    #[arg(long, env, value_enum, default_value_t = PoolerMode::None, hide_possible_values = true)]
    pub postgres_pooler: PoolerMode,
    /// Maximum random delay before a lost connection is replaced
    #[arg(long, env, default_value = "500ms", value_parser = duration)]
    pub postgres_reconnect_spread: Duration,
    /// Maximum time to open a connection, shared by all hosts
    #[arg(long, env, default_value = "2s", value_parser = duration)]
    pub postgres_connect_timeout: Duration,
    /// Maximum time of a call, with the wait for a connection; a connection without an answer for this long is closed
    #[arg(long, env, default_value = "3s", value_parser = duration)]
    pub postgres_command_timeout: Duration,
    /// Maximum time that Postgres works on one statement; less than the command timeout
    #[arg(long, env, default_value = "2500ms", value_parser = duration)]
    pub postgres_statement_timeout: Duration,
    /// Maximum time that a statement waits for a lock of another session
    #[arg(long, env, default_value = "300ms", value_parser = duration)]
    pub postgres_lock_timeout: Duration,
    /// Table, statement and schema of the work.
    #[command(flatten)]
    pub work: WorkArgs,
}

/// Connection pooler mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PoolerMode {
    /// No pooler, or a pooler in session mode.
    None,
    /// Pooler in transaction mode.
    Transaction,
}

impl From<PoolerMode> for Pooler {
    fn from(mode: PoolerMode) -> Self {
        match mode {
            PoolerMode::None => Self::None,
            PoolerMode::Transaction => Self::Transaction,
        }
    }
}

impl PostgresArgs {
    /// Returns the URL of Postgres.
    ///
    /// # Errors
    /// [`Failure::Variable`] if `DATABASE_URL` is set and is not a Postgres URL, or if a file cannot be used.
    pub fn endpoint(&self, secrets: &Secrets) -> Result<Endpoint, Failure> {
        const SCHEMES: &[&str] = &["postgres", "postgresql"];
        let secrets = secrets.of_postgres()?;
        if let Some(path) = &self.postgres_password_file {
            check_password_file("POSTGRES_PASSWORD_FILE", path, "POSTGRES_PASSWORD", secrets.password.as_ref())?;
        }
        if let Some(url) = &secrets.url {
            let endpoint = Endpoint::parse(url, SCHEMES, "postgres://", 5432)
                .map_err(|problem| Failure::Variable { variable: "DATABASE_URL", problem })?;
            check_files_of(&endpoint)?;
            return Ok(endpoint);
        }
        Ok(Endpoint::of(Parts {
            scheme: "postgres",
            user: &self.postgres_user,
            password: secrets.password.as_ref(),
            host: &self.postgres_host,
            port: self.postgres_port,
            path: &self.postgres_db,
            parameters: &self.ssl_parameters()?,
        }))
    }

    fn ssl_parameters(&self) -> Result<Vec<(&'static str, &str)>, Failure> {
        let authorities = PemFile { variable: "POSTGRES_SSLROOTCERT", path: self.postgres_sslrootcert.as_ref() };
        let certificate = PemFile { variable: "POSTGRES_SSLCERT", path: self.postgres_sslcert.as_ref() };
        let key = PemFile { variable: "POSTGRES_SSLKEY", path: self.postgres_sslkey.as_ref() };
        let unused = |variable, needed| Failure::Variable { variable, problem: Problem::Lonely(needed) };
        let files = PemFiles { authorities, certificate, key };
        if authorities.path.is_some() && !self.postgres_sslmode.verifies() {
            return Err(unused(authorities.variable, "POSTGRES_SSLMODE=verify-full or verify-ca"));
        }
        if let (SslMode::Disable, Some(variable)) = (self.postgres_sslmode, files.first_given()) {
            return Err(unused(variable, "POSTGRES_SSLMODE other than disable"));
        }
        files.check()?;
        let mut parameters = vec![("sslmode", self.postgres_sslmode.as_str())];
        for (name, file) in [("sslrootcert", authorities), ("sslcert", certificate), ("sslkey", key)] {
            let Some(path) = file.path else { continue };
            let not_text = || Failure::Variable { variable: file.variable, problem: Problem::NotText };
            parameters.push((name, path.to_str().ok_or_else(not_text)?));
        }
        Ok(parameters)
    }
}

/// Checks that the file holds a password, and that the environment does not hold one, too.
fn check_password_file(
    variable: &'static str,
    path: &Path,
    other: &'static str,
    password: Option<&SecretString>,
) -> Result<(), Failure> {
    if password.is_some() {
        return Err(Failure::Variable { variable, problem: Problem::Twice(other) });
    }
    content(path).map(drop).map_err(|problem| Failure::Variable { variable, problem })
}

/// Checks the files named by the parameters of a URL. If a parameter holds the PEM text itself, the client library checks all of them.
fn check_files_of(endpoint: &Endpoint) -> Result<(), Failure> {
    let parameters = ["sslrootcert", "sslcert", "sslkey"].map(|name| endpoint.parameter(name));
    if parameters.iter().flatten().any(|value| value.starts_with("-----BEGIN")) {
        return Ok(());
    }
    let [root, certificate, key] = parameters.map(|name| name.map(PathBuf::from));
    let files = PemFiles {
        authorities: PemFile { variable: "DATABASE_URL: sslrootcert", path: root.as_ref() },
        certificate: PemFile { variable: "DATABASE_URL: sslcert", path: certificate.as_ref() },
        key: PemFile { variable: "DATABASE_URL: sslkey", path: key.as_ref() },
    };
    files.check()
}

/// Connection settings of Redis. `REDIS_URL` replaces host, port, user, password and `REDIS_TLS`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisArgs {
    /// Host of Redis
    #[arg(long, env, default_value = "localhost", value_parser = NonEmptyStringValueParser::new())]
    pub redis_host: String,
    /// Port of Redis
    #[arg(long, env, default_value = "6379", value_parser = port)]
    pub redis_port: u16,
    /// Redis ACL user to log in as [default: the server's default user]
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub redis_user: String,
    /// File with the password, read for each new connection, in place of REDIS_PASSWORD or of the password in REDIS_URL
    #[arg(long, env)]
    pub redis_password_file: Option<PathBuf>,
    /// TLS for connections; the server certificate is then verified
    #[arg(long, env, value_enum, default_value_t = Tls::Off)]
    pub redis_tls: Tls,
    /// PEM file with the CA bundle that verifies the server certificate [default: the CA certificates that this system trusts]
    #[arg(long, env)]
    pub redis_tls_ca: Option<PathBuf>,
    /// PEM file with the client certificate
    #[arg(long, env)]
    pub redis_tls_cert: Option<PathBuf>,
    /// PEM file with the private key of the client certificate
    #[arg(long, env)]
    pub redis_tls_key: Option<PathBuf>,
    /// Redis key of the hash that lists the workers
    #[arg(long, env, default_value = "workers", value_parser = NonEmptyStringValueParser::new())]
    pub redis_key: String,
    /// Maximum time of a call
    #[arg(long, env, default_value = "1s", value_parser = duration)]
    pub redis_command_timeout: Duration,
}

impl RedisArgs {
    /// Returns the URL of Redis.
    ///
    /// # Errors
    /// [`Failure::Variable`] if `REDIS_URL` is set and is not a Redis URL, or if a file cannot be used.
    pub fn endpoint(&self, secrets: &Secrets) -> Result<Endpoint, Failure> {
        const SCHEMES: &[&str] = &["redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel"];
        let secrets = secrets.of_redis()?;
        if let Some(path) = &self.redis_password_file {
            check_password_file("REDIS_PASSWORD_FILE", path, "REDIS_PASSWORD", secrets.password.as_ref())?;
        }
        let endpoint = match &secrets.url {
            Some(url) => Endpoint::parse(url, SCHEMES, "redis:// or rediss://", 6379)
                .map_err(|problem| Failure::Variable { variable: "REDIS_URL", problem })?,
            None => Endpoint::of(Parts {
                scheme: match self.redis_tls {
                    Tls::Off => "redis",
                    Tls::On => "rediss",
                },
                user: &self.redis_user,
                password: secrets.password.as_ref(),
                host: &self.redis_host,
                port: self.redis_port,
                path: "",
                parameters: &[],
            }),
        };
        self.check_files(&endpoint)?;
        Ok(endpoint)
    }

    /// Returns the CA bundle and the client identity, used if the endpoint uses TLS.
    #[must_use]
    pub fn tls(&self) -> RedisTls {
        let identity = self.redis_tls_cert.clone().zip(self.redis_tls_key.clone());
        RedisTls {
            authorities: self.redis_tls_ca.clone(),
            identity: identity.map(|(certificate, key)| ClientIdentity { certificate, key }),
        }
    }

    fn check_files(&self, endpoint: &Endpoint) -> Result<(), Failure> {
        let files = PemFiles {
            authorities: PemFile { variable: "REDIS_TLS_CA", path: self.redis_tls_ca.as_ref() },
            certificate: PemFile { variable: "REDIS_TLS_CERT", path: self.redis_tls_cert.as_ref() },
            key: PemFile { variable: "REDIS_TLS_KEY", path: self.redis_tls_key.as_ref() },
        };
        match files.first_given() {
            Some(variable) if !endpoint.reveal().starts_with("rediss") => {
                Err(Failure::Variable { variable, problem: Problem::Lonely("REDIS_TLS=on, or rediss:// in REDIS_URL") })
            }
            _ => files.check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use percent_encoding::percent_decode_str;
    use url::Url;

    use super::*;

    #[derive(Debug, Parser)]
    struct Both {
        #[command(flatten)]
        postgres: PostgresArgs,
        #[command(flatten)]
        redis: RedisArgs,
    }

    const SECRET: &str = "p@ss/w:rd?#%41[ü] &'\"";

    fn secrets(variable: &'static str, value: &'static str) -> Secrets {
        Secrets::new(move |asked| (asked == variable).then(|| value.into()))
    }

    fn args(words: &[&str]) -> Both {
        Both::parse_from(std::iter::once(&"program").chain(words))
    }

    #[test]
    fn parts_are_percent_encoded_in_the_url() {
        let args =
            args(&["--postgres-user", "us er@x", "--postgres-db", "my/db", "--postgres-host", "db", "--postgres-port", "5433"]);
        let endpoint = args.postgres.endpoint(&secrets("POSTGRES_PASSWORD", SECRET)).unwrap();
        let url = Url::parse(endpoint.reveal()).unwrap();
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        assert_eq!(decoded(url.username()), "us er@x");
        assert_eq!(decoded(url.password().unwrap()), SECRET);
        assert_eq!((url.host_str(), url.port()), (Some("db"), Some(5433)));
        assert_eq!(url.path(), "/my%2Fdb");
        assert_eq!(endpoint.place(), "db:5433/my/db");
    }

    #[test]
    fn defaults_are_servers_on_localhost() {
        let args = args(&[]);
        assert_eq!(
            args.postgres.endpoint(&Secrets::default()).unwrap().reveal(),
            "postgres://postgres@localhost:5432/postgres?sslmode=prefer"
        );
        assert_eq!(args.redis.endpoint(&Secrets::default()).unwrap().reveal(), "redis://localhost:6379");
        let redis = args.redis.endpoint(&secrets("REDIS_PASSWORD", SECRET)).unwrap();
        assert!(redis.reveal().starts_with("redis://:p%40ss%2Fw"), "{}", redis.reveal());
    }

    #[test]
    fn an_ipv6_address_is_put_in_brackets() {
        let endpoint = args(&["--redis-host", "::1"]).redis.endpoint(&Secrets::default()).unwrap();
        assert_eq!(endpoint.reveal(), "redis://[::1]:6379");
    }

    #[test]
    fn several_hosts_are_tried_in_turn() {
        let args = args(&["--postgres-host", "db-1,db-2:5433,::1,[::2]:7", "--postgres-port", "6000", "--postgres-db", "work"]);
        let endpoint = args.postgres.endpoint(&Secrets::default()).unwrap();
        assert_eq!(endpoint.reveal(), "postgres://postgres@db-1:6000,db-2:5433,[::1]:6000,[::2]:7/work?sslmode=prefer");
        assert_eq!(endpoint.place(), "db-1:6000,db-2:5433,::1:6000,[::2]:7/work");
        let url = "postgres://u:hunter2@db-1:1,db-2/work?target_session_attrs=read-write&sslmode=require";
        let endpoint = args.postgres.endpoint(&secrets("DATABASE_URL", url)).unwrap();
        assert_eq!((endpoint.place(), endpoint.reveal()), ("db-1:1,db-2:5432/work", url));
        let wrong = args.postgres.endpoint(&secrets("DATABASE_URL", "postgres://u:hunter2@db-1:1,db-2:x/work")).unwrap_err();
        assert!(
            wrong.to_string().starts_with("DATABASE_URL: is not a valid URL") && !wrong.to_string().contains("hunter2"),
            "{wrong}"
        );
    }

    #[test]
    fn a_url_replaces_the_parts_and_is_checked() {
        let postgres = args(&["--postgres-host", "other"]).postgres;
        let endpoint = postgres.endpoint(&secrets("DATABASE_URL", "postgres://u:hunter2@db/work?sslmode=require")).unwrap();
        assert_eq!(endpoint.place(), "db:5432/work");
        assert!(!format!("{endpoint:?} {endpoint}").contains("hunter2"));
        for bad in [
            "hunter2",
            "mysql://u:hunter2@db/work",
            "hunter2:x@db",
            "postgres://u:12/hunter2@db/work",
            "postgres://u:a#hunter2@db",
        ] {
            let failure = postgres.endpoint(&secrets("DATABASE_URL", bad)).unwrap_err();
            let line = failure.to_string();
            assert!(line.starts_with("DATABASE_URL: ") && !line.contains("hunter2"), "{line}");
            assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
            assert_eq!(failure.code(), 64);
        }
    }

    #[test]
    fn a_password_is_read_from_a_file_or_the_environment() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("password");
        let word = path.to_str().unwrap();
        type Of = fn(&Both, &Secrets) -> Result<Endpoint, Failure>;
        let servers: [(&str, &str, Of); 2] = [
            ("--postgres-password-file", "POSTGRES_PASSWORD", |both, secrets| both.postgres.endpoint(secrets)),
            ("--redis-password-file", "REDIS_PASSWORD", |both, secrets| both.redis.endpoint(secrets)),
        ];
        for (argument, variable, endpoint) in servers {
            let endpoint = |secrets: &Secrets| endpoint(&args(&[argument, word]), secrets);
            let refused = |secrets: &Secrets| endpoint(secrets).unwrap_err().to_string();
            assert!(refused(&Secrets::default()).starts_with(&format!("{variable}_FILE: {word}: ")));
            std::fs::write(&path, "\n").unwrap();
            assert!(refused(&Secrets::default()).contains("the file is empty"));
            std::fs::write(&path, "hunter2\n").unwrap();
            assert!(!endpoint(&Secrets::default()).unwrap().reveal().contains("hunter2"), "it is read when it is needed");
            let both = refused(&secrets(variable, "hunter3"));
            assert_eq!(both, format!("{variable}_FILE: cannot be set together with {variable}: unset one of them"));
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn control_characters_in_a_url_are_a_part_of_the_password() {
        let endpoint = args(&[]).redis.endpoint(&secrets("REDIS_URL", "redis://:a\nb\tc d@cache")).unwrap();
        let url = Url::parse(endpoint.reveal()).unwrap();
        assert_eq!(percent_decode_str(url.password().unwrap()).decode_utf8().unwrap(), "a\nb\tc d");
        let postgres = args(&[]).postgres;
        for (bad, why) in [("postgres://u:hunter2%00@db/work", "NUL"), ("postgres://u:hunter2%ff@db/work", "UTF-8")] {
            let line = postgres.endpoint(&secrets("DATABASE_URL", bad)).unwrap_err().to_string();
            assert!(line.starts_with("DATABASE_URL: ") && line.contains(why) && !line.contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn a_url_of_redis_is_checked_too() {
        let redis = args(&[]).redis;
        assert_eq!(redis.endpoint(&secrets("REDIS_URL", "rediss://:hunter2@cache:6380/3")).unwrap().place(), "cache:6380/3");
        let line = redis.endpoint(&secrets("REDIS_URL", "http://:hunter2@cache")).unwrap_err().to_string();
        assert_eq!(line, "REDIS_URL: must be a URL that starts with redis:// or rediss://");
    }
}
