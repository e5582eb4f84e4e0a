//! Which Redis, and how patient to be with it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::tls::RedisTls;

/// Which Redis, and how patient to be with it. Printing it never shows a password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisConfig {
    /// Redis 6 or newer; each scheme with `rediss` in place of `redis` for TLS:
    ///
    /// - `redis://[[user]:password@]host[:port][/database]`;
    /// - `redis-sentinel://[[user]:password@]sentinel[:port][/database]?sentinelServiceName=name`, with further Sentinels as `node=host:port`,
    ///   and `sentinelUsername` and `sentinelPassword` where Sentinels want them;
    /// - `redis-cluster://[[user]:password@]host[:port]`, with further nodes as `node=host:port`.
    ///
    /// User and password may be any text, percent-encoded.
    pub url: String,
    /// A file with the password, in place of the one in the URL. It is read anew for each connection, so that the password may change; one line
    /// feed at its end is no part of it.
    pub password_file: Option<PathBuf>,
    /// The key of the hash of members, `workers` unless set. All other keys and the channel derive from it.
    pub hash: String,
    /// How long a call waits for its answer, 1 s unless set. A connection on which nothing is answered for 3 s is replaced.
    pub command_timeout: Duration,
    /// Whom to trust and as whom to come, where the URL asks for TLS.
    pub tls: RedisTls,
}

impl RedisConfig {
    /// The usual settings for this URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password_file: None,
            hash: "workers".to_owned(),
            command_timeout: Duration::from_secs(1),
            tls: RedisTls::default(),
        }
    }

    /// The URL as it may be printed: without password, and without parameters, which may hold another.
    pub(crate) fn public_url(&self) -> String {
        let Ok(mut url) = Url::parse(&self.url) else { return "an unreadable URL".to_owned() };
        url.set_query(None);
        // A URL that cannot have a password has none to hide.
        if url.password().is_some() && url.set_password(Some("***")).is_err() {
            return "an unreadable URL".to_owned();
        }
        url.into()
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, password_file, hash, command_timeout, tls } = self;
        f.debug_struct("RedisConfig")
            .field("url", &self.public_url())
            .field("password_file", password_file)
            .field("hash", hash)
            .field("command_timeout", command_timeout)
            .field("tls", tls)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::RedisConfig;

    #[test]
    fn a_password_is_never_shown() {
        for url in ["redis://:hunter2@host:6379/1", "redis://user:hunter2@host?sentinelPassword=hunter2", "hunter2@@:nonsense"] {
            let shown = format!("{:?}", RedisConfig::new(url));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert_eq!(RedisConfig::new("redis://user:hunter2@host:1/2").public_url(), "redis://user:***@host:1/2");
    }
}
