//! Passwords of all kinds, from variables, files and URLs, with servers that ask for them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use sqlx::{AssertSqlSafe, PgPool};
use tempfile::{NamedTempFile, TempDir};
use test_servers::{Postgres, Redis};
use url::Url;

use crate::programs::{Program, Which};
use crate::system::System;

const PLAIN: [&str; 6] = [" two spaces ", "quo'tes\" and \\", "50%41%", "us@er:pa/ss?wo#rd", "[a]&b=c+d,e", "geheim-ü-пароль"];
/// Checks that text after a line feed does not become a command.
const WITH_CONTROLS: [&str; 3] = ["line\nfeed\r\nflushall", "ends with one\n", "\ttab"];

/// The variables by which one password can be given: itself, a file, and a URL.
struct Given<'a> {
    password: &'a str,
    file: NamedTempFile,
}

impl<'a> Given<'a> {
    fn new(password: &'a str) -> Self {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{password}\n")).unwrap();
        Self { password, file }
    }

    fn variables(&self, server: &str, url_variable: &str, url: &str, user: &str) -> [Vec<(String, String)>; 3] {
        let mut url = Url::parse(url).unwrap();
        let mut parts = vec![
            (format!("{server}_HOST"), url.host_str().unwrap().to_owned()),
            (format!("{server}_PORT"), url.port().unwrap().to_string()),
            (format!("{server}_USER"), user.to_owned()),
        ];
        if server == "POSTGRES" {
            parts.push(("POSTGRES_DB".to_owned(), url.path().trim_start_matches('/').to_owned()));
        }
        // The one that is cut, so that what the password itself ends with is kept.
        let by_value = (format!("{server}_PASSWORD"), format!("{}\n", self.password));
        let by_file = (format!("{server}_PASSWORD_FILE"), self.file.path().to_str().unwrap().to_owned());
        url.set_username(user).unwrap();
        url.set_password(Some("placeholder")).unwrap();
        let encoded: String = self.password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let by_url = vec![(url_variable.to_owned(), url.as_str().replacen("placeholder", &encoded, 1))];
        [[parts.clone(), vec![by_value]].concat(), [parts, vec![by_file]].concat(), by_url]
    }
}

/// A Postgres that asks for passwords, except of its superuser.
struct Guarded {
    postgres: Postgres,
    user: PgPool,
    _rules: TempDir,
}

impl Guarded {
    async fn new() -> Self {
        let rules = TempDir::new().unwrap();
        fs::set_permissions(rules.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let file = rules.path().join("pg_hba.conf");
        fs::write(&file, "local all all trust\nhost all postgres all trust\nhost all all all md5\n").unwrap();
        let postgres = Postgres::private_with(&[("hba_file", file.to_str().unwrap())]).await;
        let user = PgPool::connect(postgres.url()).await.unwrap();
        sqlx::raw_sql("create role \"odd user\" login superuser").execute(&user).await.unwrap();
        Self { postgres, user, _rules: rules }
    }

    /// Sets the password of `odd user`, who may do everything.
    async fn set_password(&self, password: &str, encryption: &str) {
        let statement = "select format('set password_encryption = %L; alter role \"odd user\" password %L', $1, $2)";
        let statement: String =
            sqlx::query_scalar(statement).bind(encryption).bind(password).fetch_one(&self.user).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&self.user).await.unwrap();
    }
}

async fn run(words: &[&str], variables: &[(String, String)], more: &[(&str, &str)]) -> (i32, String) {
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(more.iter().copied()).collect();
    let mut program = Program::start(Which::Tool, words, &variables);
    (program.ended().await, format!("{program:?}"))
}

#[tokio::test]
async fn postgres_takes_any_password() {
    let guarded = Guarded::new().await;
    for (passwords, encryption) in [(&PLAIN[..], "scram-sha-256"), (&WITH_CONTROLS[..], "md5")] {
        for password in passwords {
            guarded.set_password(password, encryption).await;
            let given = Given::new(password);
            for variables in given.variables("POSTGRES", "DATABASE_URL", guarded.postgres.url(), "odd user") {
                let (code, said) = run(&["migrate"], &variables, &[]).await;
                assert_eq!(code, 0, "{password:?} {variables:?} {said}");
            }
        }
    }
}

#[tokio::test]
async fn a_password_that_scram_prohibits_ends_the_start_with_an_error() {
    let guarded = Guarded::new().await;
    for password in ["hunter2\nline feed", "hunter2 🐘"] {
        guarded.set_password(password, "scram-sha-256").await;
        for variables in Given::new(password).variables("POSTGRES", "DATABASE_URL", guarded.postgres.url(), "odd user") {
            let (code, said) = run(&["items", "list"], &variables, &[]).await;
            assert!(code == 64 && said.contains("RFC 4013") && !said.contains("hunter2"), "{password:?} {said}");
        }
    }
}

#[tokio::test]
async fn redis_takes_any_password() {
    let (system, redis) = (System::shared().await, Redis::private().await);
    system.install(0).await;
    for password in PLAIN.iter().chain(&WITH_CONTROLS) {
        let arguments =
            ["-u", redis.url(), "acl", "setuser", "odd-user", "reset", "on", &format!(">{password}"), "~*", "&*", "+@all"];
        assert!(Command::new("redis-cli").args(arguments).status().unwrap().success());
        assert!(Command::new("redis-cli").args(["-u", redis.url(), "set", "kept", "1"]).status().unwrap().success());
        for variables in Given::new(password).variables("REDIS", "REDIS_URL", redis.url(), "odd-user") {
            let (code, said) = run(&["status"], &variables, &[("DATABASE_URL", &system.database_url)]).await;
            assert_eq!(code, 0, "{password:?} {variables:?} {said}");
        }
        let kept = Command::new("redis-cli").args(["-u", redis.url(), "get", "kept"]).output().unwrap();
        assert_eq!(kept.stdout, b"1\n", "no part of {password:?} is a command");
    }
}
