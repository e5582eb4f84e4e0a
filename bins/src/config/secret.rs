//! What must not be seen: it comes from the environment or from files, since a flag would show in the list of processes.

use std::ffi::OsString;
use std::fmt;

use super::Problem;
use crate::Failure;

/// What `--help` says of secrets.
pub const SECRETS_HELP: &str = "Secrets come from the environment or from files: DATABASE_URL (in place of POSTGRES_*) or \
    POSTGRES_PASSWORD (or the file of POSTGRES_PASSWORD_FILE); REDIS_URL (in place of REDIS_*) or REDIS_PASSWORD.";

/// A text that never shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one who must present it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The secrets of the environment. An empty one counts as absent.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// `DATABASE_URL`.
    pub database_url: Option<Secret>,
    /// `POSTGRES_PASSWORD`.
    pub postgres_password: Option<Secret>,
    /// `REDIS_URL`.
    pub redis_url: Option<Secret>,
    /// `REDIS_PASSWORD`.
    pub redis_password: Option<Secret>,
}

impl Secrets {
    /// Those of this process.
    ///
    /// # Errors
    /// When one is not text.
    pub fn from_env() -> Result<Self, Failure> {
        Self::read(|variable| std::env::var_os(variable))
    }

    /// Those that `look_up` finds by the names of their variables.
    ///
    /// # Errors
    /// When one is not text.
    pub fn read(look_up: impl Fn(&str) -> Option<OsString>) -> Result<Self, Failure> {
        let secret = |variable| match look_up(variable).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) if text.is_empty() => Ok(None),
            Some(Ok(text)) => Ok(Some(Secret(text))),
            Some(Err(_)) => Err(Failure::Variable { variable, problem: Problem::NotText }),
        };
        Ok(Self {
            database_url: secret("DATABASE_URL")?,
            postgres_password: secret("POSTGRES_PASSWORD")?,
            redis_url: secret("REDIS_URL")?,
            redis_password: secret("REDIS_PASSWORD")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn secrets_are_found_and_never_shown() {
        let secrets = Secrets::read(|variable| Some(format!("hunter2 {variable}").into())).unwrap();
        assert_eq!(secrets.redis_password.as_ref().unwrap().reveal(), "hunter2 REDIS_PASSWORD");
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }

    #[test]
    fn an_empty_secret_is_absent_and_a_broken_one_is_named() {
        assert!(Secrets::read(|_| Some(OsString::new())).unwrap().database_url.is_none());
        let broken = |variable: &str| (variable == "REDIS_URL").then(|| OsString::from_vec(vec![b'x', 0xff]));
        let failure = Secrets::read(broken).unwrap_err();
        assert_eq!(failure.to_string(), "REDIS_URL: is not UTF-8 text");
        assert_eq!(failure.code(), 64);
    }
}
