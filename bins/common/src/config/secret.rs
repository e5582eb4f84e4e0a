//! Passwords and URLs with passwords. They come from the environment or from files, because a flag would show in the process
//! list.
//!
//! One rule applies to all: one line feed, or one carriage return and line feed, at the very end is removed, because editors, `echo`
//! and Kubernetes Secrets made from files append it. Everything else is part of the secret. NUL and invalid UTF-8 are rejected.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use secrecy::SecretString;

use super::Problem;
use crate::Failure;

/// Text of `--help` about secrets.
pub const SECRETS_HELP: &str = "Secrets come from the environment: DATABASE_URL (in place of POSTGRES_*) or \
    POSTGRES_PASSWORD; REDIS_URL (in place of REDIS_*) or REDIS_PASSWORD. Each can be in a file instead, whose path is in the variable \
    with the suffix _FILE, such as POSTGRES_PASSWORD_FILE. One line feed at the end of a secret is removed.";

/// Secrets from the environment. An empty one counts as absent.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// `DATABASE_URL`.
    pub database_url: Option<SecretString>,
    /// `POSTGRES_PASSWORD`.
    pub postgres_password: Option<SecretString>,
    /// `REDIS_URL`.
    pub redis_url: Option<SecretString>,
    /// `REDIS_PASSWORD`.
    pub redis_password: Option<SecretString>,
}

impl Secrets {
    /// Reads the secrets of this process from its environment.
    ///
    /// # Errors
    /// [`Failure::Variable`] if a secret holds NUL or is not UTF-8, if its file cannot be read or is empty, or if it is given twice.
    pub fn from_env() -> Result<Self, Failure> {
        Self::read(|variable| std::env::var_os(variable))
    }

    /// Reads the secrets with `look_up`, which returns the value of a variable.
    ///
    /// # Errors
    /// As for [`from_env`](Self::from_env).
    pub fn read(look_up: impl Fn(&str) -> Option<OsString>) -> Result<Self, Failure> {
        let given = |variable| look_up(variable).filter(|value| !value.is_empty());
        let secret = |variable| match given(variable).map(|value| text(value.into_vec())) {
            None => Ok(None),
            Some(read) => read.map_err(|problem| Failure::Variable { variable, problem }),
        };
        let secret_or_file = |variable, file_variable| match (secret(variable)?, given(file_variable)) {
            (Some(_), Some(_)) => Err(Failure::Variable { variable: file_variable, problem: Problem::Twice(variable) }),
            (None, Some(path)) => {
                let read = content(Path::new(&path)).map(Some);
                read.map_err(|problem| Failure::Variable { variable: file_variable, problem })
            }
            (secret, None) => Ok(secret),
        };
        Ok(Self {
            database_url: secret_or_file("DATABASE_URL", "DATABASE_URL_FILE")?,
            // A password file is not read here, but for each new connection.
            postgres_password: secret("POSTGRES_PASSWORD")?,
            redis_url: secret_or_file("REDIS_URL", "REDIS_URL_FILE")?,
            redis_password: secret("REDIS_PASSWORD")?,
        })
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
    fn from_file(bytes: &[u8]) -> Result<Secrets, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        Secrets::read(|variable| (variable == "REDIS_URL_FILE").then(|| file.path().into()))
    }

    #[test]
    fn secrets_are_found_and_never_shown() {
        let given = |variable: &str| (!variable.ends_with("_FILE")).then(|| format!("hunter2 {variable}").into());
        let secrets = Secrets::read(given).unwrap();
        assert_eq!(secrets.redis_password.as_ref().unwrap().expose_secret(), "hunter2 REDIS_PASSWORD");
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }

    #[test]
    fn an_empty_secret_is_absent_and_a_broken_one_is_named() {
        assert!(Secrets::read(|_| Some(OsString::new())).unwrap().database_url.is_none());
        let broken = |variable: &str| (variable == "REDIS_URL").then(|| OsString::from_vec(vec![b'x', 0xff]));
        let failure = Secrets::read(broken).unwrap_err();
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
            let from_environment = Secrets::read(|variable| (variable == "REDIS_URL").then(|| given.into()));
            for secrets in [from_environment, from_file(given.as_bytes())] {
                assert_eq!(secrets.unwrap().redis_url.unwrap().expose_secret(), kept);
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
        assert!(Secrets::read(missing).unwrap_err().to_string().starts_with("REDIS_URL_FILE: /nowhere: "));
        let twice = Secrets::read(|variable| variable.starts_with("REDIS_URL").then(|| "/nowhere".into())).unwrap_err();
        assert_eq!(twice.to_string(), "REDIS_URL_FILE: cannot be set together with REDIS_URL: unset one of them");
    }
}
