//! Where Postgres and Redis are.

use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::endpoint::Parts;
use super::value::{milliseconds, port};
use super::{Endpoint, Secrets};
use crate::Failure;

/// Where Postgres is, unless DATABASE_URL says it, and how long it may take.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Postgres")]
pub struct PostgresArgs {
    /// Its host
    #[arg(long, env, default_value = "localhost", value_parser = NonEmptyStringValueParser::new())]
    pub postgres_host: String,
    /// Its port
    #[arg(long, env, default_value = "5432", value_parser = port)]
    pub postgres_port: u16,
    /// The user to log in as
    #[arg(long, env, default_value = "postgres", value_parser = NonEmptyStringValueParser::new())]
    pub postgres_user: String,
    /// The database
    #[arg(long, env, default_value = "postgres", value_parser = NonEmptyStringValueParser::new())]
    pub postgres_db: String,
    /// How long a connection may take to open, in milliseconds
    #[arg(long, env, default_value = "3000", value_parser = milliseconds)]
    pub postgres_connect_timeout_ms: Duration,
    /// How long a call may take altogether, in milliseconds
    #[arg(long, env, default_value = "10000", value_parser = milliseconds)]
    pub postgres_command_timeout_ms: Duration,
    /// How long Postgres works on one statement, in milliseconds
    #[arg(long, env, default_value = "8000", value_parser = milliseconds)]
    pub postgres_statement_timeout_ms: Duration,
    /// How long a statement waits for somebody else's lock, in milliseconds
    #[arg(long, env, default_value = "300", value_parser = milliseconds)]
    pub postgres_lock_timeout_ms: Duration,
}

impl PostgresArgs {
    /// Where it is.
    ///
    /// # Errors
    /// When DATABASE_URL is set and is no URL of a Postgres.
    pub fn endpoint(&self, secrets: &Secrets) -> Result<Endpoint, Failure> {
        const SCHEMES: &[&str] = &["postgres", "postgresql"];
        match &secrets.database_url {
            Some(url) => Endpoint::parse(url, SCHEMES, "postgres://", 5432)
                .map_err(|problem| Failure::Variable { variable: "DATABASE_URL", problem }),
            None => Ok(Endpoint::of(Parts {
                scheme: "postgres",
                user: &self.postgres_user,
                password: secrets.postgres_password.as_ref(),
                host: &self.postgres_host,
                port: self.postgres_port,
                path: &self.postgres_db,
            })),
        }
    }
}

/// Where Redis is, unless REDIS_URL says it, and how long it may take.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisArgs {
    /// Its host
    #[arg(long, env, default_value = "localhost", value_parser = NonEmptyStringValueParser::new())]
    pub redis_host: String,
    /// Its port
    #[arg(long, env, default_value = "6379", value_parser = port)]
    pub redis_port: u16,
    /// The hash that lists the workers
    #[arg(long, env, default_value = "workers", value_parser = NonEmptyStringValueParser::new())]
    pub redis_key: String,
    /// How long a call may take, in milliseconds
    #[arg(long, env, default_value = "1000", value_parser = milliseconds)]
    pub redis_command_timeout_ms: Duration,
}

impl RedisArgs {
    /// Where it is.
    ///
    /// # Errors
    /// When REDIS_URL is set and is no URL of a Redis.
    pub fn endpoint(&self, secrets: &Secrets) -> Result<Endpoint, Failure> {
        const SCHEMES: &[&str] =
            &["redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel", "valkey", "valkeys"];
        match &secrets.redis_url {
            Some(url) => Endpoint::parse(url, SCHEMES, "redis:// or rediss://", 6379)
                .map_err(|problem| Failure::Variable { variable: "REDIS_URL", problem }),
            None => Ok(Endpoint::of(Parts {
                scheme: "redis",
                user: "",
                password: secrets.redis_password.as_ref(),
                host: &self.redis_host,
                port: self.redis_port,
                path: "",
            })),
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
        Secrets::read(|asked| (asked == variable).then(|| value.into())).unwrap()
    }

    fn args(words: &[&str]) -> Both {
        Both::parse_from(std::iter::once(&"program").chain(words))
    }

    #[test]
    fn parts_make_a_url_whatever_stands_in_them() {
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
    fn defaults_reach_a_server_of_this_machine() {
        let args = args(&[]);
        assert_eq!(args.postgres.endpoint(&Secrets::default()).unwrap().reveal(), "postgres://postgres@localhost:5432/postgres");
        assert_eq!(args.redis.endpoint(&Secrets::default()).unwrap().reveal(), "redis://localhost:6379");
        let redis = args.redis.endpoint(&secrets("REDIS_PASSWORD", SECRET)).unwrap();
        assert!(redis.reveal().starts_with("redis://:p%40ss%2Fw"), "{}", redis.reveal());
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        let endpoint = args(&["--redis-host", "::1"]).redis.endpoint(&Secrets::default()).unwrap();
        assert_eq!(endpoint.reveal(), "redis://[::1]:6379");
    }

    #[test]
    fn a_whole_url_wins_and_is_checked() {
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
    fn a_url_of_redis_is_checked_too() {
        let redis = args(&[]).redis;
        assert_eq!(redis.endpoint(&secrets("REDIS_URL", "rediss://:hunter2@cache:6380/3")).unwrap().place(), "cache:6380/3");
        let line = redis.endpoint(&secrets("REDIS_URL", "http://:hunter2@cache")).unwrap_err().to_string();
        assert_eq!(line, "REDIS_URL: is not a URL that begins with redis:// or rediss://");
    }
}
