//! Passwords and URLs with passwords. They come from the environment or from files, because a flag would show in the process
//! list.
//!
//! One rule applies to all: one line feed, or one carriage return and line feed, at the very end is removed, because editors, `echo`
//! and Kubernetes Secrets made from files append it. Everything else is part of the secret. NUL and invalid UTF-8 are rejected.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;

use super::Problem;
use crate::Failure;

/// Text of `--help` about secrets.
pub const SECRETS_HELP: &str = "Secrets come from the environment: DATABASE_URL (in place of POSTGRES_*) or \
    POSTGRES_PASSWORD; REDIS_URL (in place of REDIS_*) or REDIS_PASSWORD; API_TOKEN of a control plane. Each can be in a file instead, whose path is in the variable \
    with the suffix _FILE, such as POSTGRES_PASSWORD_FILE. One line feed at the end of a secret is removed.";

/// Secrets of a process. Those of a server are read when its endpoint is asked for, so a secret of a server that is not used is not read.
#[derive(Clone)]
pub struct Secrets(Arc<LookUp>);

type LookUp = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// Secrets of one server. An empty one counts as absent.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerSecrets {
    /// URL of the server: `DATABASE_URL` or `REDIS_URL`.
    pub(super) url: Option<SecretString>,
    /// Password: `POSTGRES_PASSWORD` or `REDIS_PASSWORD`. A password file is not read here, but for each new connection.
    pub(super) password: Option<SecretString>,
}

impl Secrets {
    /// Returns the secrets in the environment of this process.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new(|variable| std::env::var_os(variable))
    }

    /// Returns the secrets that `look_up` finds; it returns the value of a variable.
    #[must_use]
    pub fn new(look_up: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }

    /// Reads the secrets of Postgres.
    ///
    /// # Errors
    /// [`Failure::Variable`] if a secret holds NUL or is not UTF-8, if its file cannot be read or is empty, or if it is given twice.
    pub(super) fn of_postgres(&self) -> Result<ServerSecrets, Failure> {
        let url = self.secret_or_file("DATABASE_URL", "DATABASE_URL_FILE")?;
        Ok(ServerSecrets { url, password: self.secret("POSTGRES_PASSWORD")? })
    }

    /// Reads the secrets of Redis.
    ///
    /// # Errors
    /// As for [`of_postgres`](Self::of_postgres).
    pub(super) fn of_redis(&self) -> Result<ServerSecrets, Failure> {
        let url = self.secret_or_file("REDIS_URL", "REDIS_URL_FILE")?;
        Ok(ServerSecrets { url, password: self.secret("REDIS_PASSWORD")? })
    }

    /// Reads the token of the API.
    ///
    /// # Errors
    /// As for [`of_postgres`](Self::of_postgres).
    pub(super) fn of_api(&self) -> Result<Option<SecretString>, Failure> {
        self.secret_or_file("API_TOKEN", "API_TOKEN_FILE")
    }

    fn secret_or_file(&self, variable: &'static str, file_variable: &'static str) -> Result<Option<SecretString>, Failure> {
        match (self.secret(variable)?, self.given(file_variable)) {
            (Some(_), Some(_)) => Err(Failure::Variable { variable: file_variable, problem: Problem::Twice(variable) }),
            (None, Some(path)) => {
                let read = content(Path::new(&path)).map(Some);
                read.map_err(|problem| Failure::Variable { variable: file_variable, problem })
            }
            (secret, None) => Ok(secret),
        }
    }

    fn secret(&self, variable: &'static str) -> Result<Option<SecretString>, Failure> {
        match self.given(variable).map(|value| text(value.into_vec())) {
            None => Ok(None),
            Some(read) => read.map_err(|problem| Failure::Variable { variable, problem }),
        }
    }

    fn given(&self, variable: &str) -> Option<OsString> {
        (self.0)(variable).filter(|value| !value.is_empty())
    }
}

impl Default for Secrets {
    /// Returns no secrets.
    fn default() -> Self {
        Self::new(|_| None)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Reads the secret in a file. An empty file is an error: a configured file must hold a secret.
pub(super) fn content(path: &Path) -> Result<SecretString, Problem> {
    let unusable = |why: String| Problem::File { path: path.to_owned(), why };
    let bytes = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let secret = text(bytes).map_err(|problem| unusable(problem.to_string()))?;
    secret.ok_or_else(|| unusable("the file is empty: write the secret into it, or unset the variable".to_owned()))
}

/// Decodes a secret by the rule of this module; `None` if it is empty.
fn text(mut bytes: Vec<u8>) -> Result<Option<SecretString>, Problem> {
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    if bytes.contains(&0) {
        return Err(Problem::Nul);
    }
    let text = String::from_utf8(bytes).map_err(|_| Problem::NotText)?;
    Ok((!text.is_empty()).then(|| text.into()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    /// Reads `REDIS_URL` from a file with these bytes.
    fn from_file(bytes: &[u8]) -> Result<ServerSecrets, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let path = file.path().to_owned();
        Secrets::new(move |variable| (variable == "REDIS_URL_FILE").then(|| path.clone().into())).of_redis()
    }

    #[test]
    fn secrets_are_found_and_never_shown() {
        let given = |variable: &str| (!variable.ends_with("_FILE")).then(|| format!("hunter2 {variable}").into());
        let secrets = Secrets::new(given);
        let of_redis = secrets.of_redis().unwrap();
        assert_eq!(of_redis.password.as_ref().unwrap().expose_secret(), "hunter2 REDIS_PASSWORD");
        assert!(!format!("{secrets:?} {of_redis:?}").contains("hunter2"));
    }

    #[test]
    fn an_empty_secret_is_absent_and_a_broken_one_is_named() {
        assert!(Secrets::new(|_| Some(OsString::new())).of_postgres().unwrap().url.is_none());
        let broken = |variable: &str| (variable == "REDIS_URL").then(|| OsString::from_vec(vec![b'x', 0xff]));
        let secrets = Secrets::new(broken);
        assert!(secrets.of_postgres().is_ok(), "secrets of another server are not read");
        let failure = secrets.of_redis().unwrap_err();
        assert_eq!(failure.to_string(), "REDIS_URL: is not valid UTF-8: use a value that is");
        assert_eq!(failure.code(), 64);
    }

    #[test]
    fn one_line_feed_at_the_very_end_is_cut_and_all_else_is_kept() {
        for (given, kept) in [
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            ("secret\n\n", "secret\n"),
            ("secret\r", "secret\r"),
            ("\nsec\nret \t", "\nsec\nret \t"),
            (" p@ss/w:rd?#%41[ü] &'\" ", " p@ss/w:rd?#%41[ü] &'\" "),
        ] {
            let from_environment = Secrets::new(|variable| (variable == "REDIS_URL").then(|| given.into())).of_redis();
            for secrets in [from_environment, from_file(given.as_bytes())] {
                assert_eq!(secrets.unwrap().url.unwrap().expose_secret(), kept);
            }
        }
    }

    #[test]
    fn an_invalid_secret_is_refused_with_its_variable() {
        for (bytes, why) in [(&b"hunter2\0"[..], "NUL"), (b"hunter2\xff", "UTF-8"), (b"", "is empty"), (b"\n", "is empty")] {
            let failure = from_file(bytes).unwrap_err();
            let line = failure.to_string();
            assert!(line.starts_with("REDIS_URL_FILE: /") && line.contains(why) && !line.contains("hunter"), "{line}");
            assert_eq!(failure.code(), 64);
        }
        let missing = |variable: &str| (variable == "REDIS_URL_FILE").then(|| "/nowhere".into());
        assert!(Secrets::new(missing).of_redis().unwrap_err().to_string().starts_with("REDIS_URL_FILE: /nowhere: "));
        let twice = Secrets::new(|variable| variable.starts_with("REDIS_URL").then(|| "/nowhere".into())).of_redis().unwrap_err();
        assert_eq!(twice.to_string(), "REDIS_URL_FILE: cannot be set together with REDIS_URL: unset one of them");
    }
}
