//! Connection settings for Redis.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::tls::RedisTls;

/// Connection settings for Redis. `Debug` never shows a password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisConfig {
    /// URL of a Redis 6 or newer, in one of these forms; for TLS, with `rediss` in place of `redis`:
    ///
    /// - `redis://[[user]:password@]host[:port][/database]`;
    /// - `redis-sentinel://[[user]:password@]sentinel[:port][/database]?sentinelServiceName=name`, with further Sentinels as
    ///   `node=host:port`, and with `sentinelUsername` and `sentinelPassword` if the Sentinels require them;
    /// - `redis-cluster://[[user]:password@]host[:port]`, with further nodes as `node=host:port`.
    ///
    /// User and password may be any text, percent-encoded.
    pub url: String,
    /// File with the password, in place of the one in the URL. It is read again for each connection, so that the password may change. One
    /// line break at its end is not part of the password.
    pub password_file: Option<PathBuf>,
    /// Key of the hash of members; default: `workers`. All other keys and the channel derive from it.
    pub hash: String,
    /// Maximum time that a call waits for its answer; default: 1 s. A connection without any answer for 3 s is replaced.
    pub command_timeout: Duration,
    /// CA bundle and client certificate, if the URL asks for TLS.
    pub tls: RedisTls,
}

impl RedisConfig {
    /// Returns the default settings for this URL.
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

    /// Returns the URL as it may be printed: without the password, and without parameters, which may hold another one.
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
