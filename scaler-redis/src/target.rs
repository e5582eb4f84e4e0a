//! Servers and credentials that a URL names.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// Start of the scheme of a URL that asks for TLS.
const OVER_TLS: &str = "rediss";
const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Servers and credentials that a URL names.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) topology: Topology,
    pub(crate) tls: bool,
    pub(crate) credentials: Credentials,
    pub(crate) database: i64,
}

/// Topology of a Redis, which determines how the server that takes writes is found.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Topology {
    /// A single server, at this address.
    Standalone(Address),
    /// Sentinels name the server.
    Sentinel { sentinels: Vec<Address>, service: String, credentials: Credentials },
    /// Any node of the cluster redirects to the server.
    Cluster(Vec<Address>),
}

/// Host and port of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name, or an IP address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// User and password, both optional.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
}

/// Reason for which a URL is not one of a Redis. The text never holds a part of the URL, which may be a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum UrlError {
    #[error(transparent)]
    Syntax(#[from] url::ParseError),
    #[error("it contains a control character, which must be percent-encoded")]
    ControlCharacter,
    #[error("it must start with redis://, redis-sentinel:// or redis-cluster://, or with rediss in place of redis for TLS")]
    Scheme,
    #[error("it has no host")]
    NoHost,
    #[error("its user or password is not valid UTF-8")]
    NotText,
    #[error("its path is not a database number")]
    Database,
    #[error("a cluster has only database 0, so the URL must have no path")]
    DatabaseOfCluster,
    #[error("a `node` parameter is not of the form host:port")]
    Node,
    #[error("it has no sentinelServiceName parameter")]
    NoServiceName,
}

impl Target {
    /// Parses a URL; [`RedisConfig::url`](crate::RedisConfig::url) documents its forms.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        // The parser drops line feeds and tabs, so a password would lose them silently.
        if text.contains(char::is_control) {
            return Err(UrlError::ControlCharacter);
        }
        let url = Url::parse(text)?;
        let scheme = url.scheme().replacen(OVER_TLS, "redis", 1);
        let topology = match scheme.as_str() {
            "redis" => Topology::Standalone(first_address(&url, REDIS_PORT)?),
            "redis-cluster" => Topology::Cluster(all_addresses(&url, REDIS_PORT)?),
            "redis-sentinel" => Topology::Sentinel {
                sentinels: all_addresses(&url, SENTINEL_PORT)?,
                service: parameter(&url, "sentinelServiceName").ok_or(UrlError::NoServiceName)?,
                credentials: Credentials {
                    username: parameter(&url, "sentinelUsername"),
                    password: parameter(&url, "sentinelPassword"),
                },
            },
            _ => return Err(UrlError::Scheme),
        };
        let database = database(&url)?;
        if database != 0 && matches!(topology, Topology::Cluster(_)) {
            return Err(UrlError::DatabaseOfCluster);
        }
        let credentials = Credentials {
            username: Some(decoded(url.username())?).filter(|username| !username.is_empty()),
            password: url.password().map(decoded).transpose()?,
        };
        Ok(Self { topology, tls: url.scheme().starts_with(OVER_TLS), credentials, database })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Address {
    /// Parses `host:port`; the host may be an IPv6 address with or without brackets.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }
}

fn first_address(url: &Url, default_port: u16) -> Result<Address, UrlError> {
    let host = match url.host().ok_or(UrlError::NoHost)? {
        Host::Domain("") => return Err(UrlError::NoHost),
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    Ok(Address { host, port: url.port().unwrap_or(default_port) })
}

fn all_addresses(url: &Url, default_port: u16) -> Result<Vec<Address>, UrlError> {
    let more = url.query_pairs().filter(|(name, _)| name == "node");
    let more = more.map(|(_, node)| Address::parse(&node).filter(|node| !node.host.is_empty()).ok_or(UrlError::Node));
    std::iter::once(first_address(url, default_port)).chain(more).collect()
}

fn parameter(url: &Url, wanted: &str) -> Option<String> {
    // Form encoding reads `+` as a space, but a plus sign in a password is meant as such.
    let query = url.query()?.replace('+', "%2B");
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, value)| name == wanted && !value.is_empty()).map(|(_, value)| value.into_owned())
}

fn database(url: &Url) -> Result<i64, UrlError> {
    match url.path().trim_start_matches('/') {
        "" => Ok(0),
        number => number.parse::<u16>().map(i64::from).map_err(|_| UrlError::Database),
    }
}

fn decoded(text: &str) -> Result<String, UrlError> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| UrlError::NotText)
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::*;

    fn address(host: &str, port: u16) -> Address {
        Address { host: host.to_owned(), port }
    }

    #[test]
    fn each_topology_has_a_scheme() {
        let plain = Target::parse("redis://host").unwrap();
        assert!(plain.topology == Topology::Standalone(address("host", 6379)) && !plain.tls && plain.database == 0);
        let full = Target::parse("rediss://[::1]:1/2").unwrap();
        assert!(full.topology == Topology::Standalone(address("::1", 1)) && full.tls && full.database == 2);
        let cluster = Target::parse("redis-cluster://a?node=b:1&node=[::2]:2").unwrap();
        assert!(cluster.topology == Topology::Cluster(vec![address("a", 6379), address("b", 1), address("::2", 2)]));
        let url = "rediss-sentinel://a/3?sentinelServiceName=main&node=b:1&sentinelUsername=u&sentinelPassword=p%20%0a+";
        let sentinel = Target::parse(url).unwrap();
        let credentials = Credentials { username: Some("u".to_owned()), password: Some("p \n+".to_owned()) };
        let sentinels = vec![address("a", 26379), address("b", 1)];
        assert!(sentinel.topology == Topology::Sentinel { sentinels, service: "main".to_owned(), credentials });
        assert!(sentinel.tls && sentinel.database == 3);
    }

    #[test]
    fn percent_encoding_carries_any_text() {
        let secret = "a \"b\" 'c'\nd\\e%41ü&?#/@:+";
        let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC);
        let target = Target::parse(&format!("redis://{encoded}:{encoded}@host")).unwrap();
        assert_eq!(target.credentials.username.as_deref(), Some(secret));
        assert_eq!(target.credentials.password.as_deref(), Some(secret));
    }

    #[test]
    fn an_invalid_redis_url_is_refused_with_its_reason() {
        for (url, expected) in [
            ("secret", UrlError::Syntax(url::ParseError::RelativeUrlWithoutBase)),
            ("http://host", UrlError::Scheme),
            ("redis-other://host", UrlError::Scheme),
            ("redis://:secret@", UrlError::Syntax(url::ParseError::EmptyHost)),
            ("redis:host", UrlError::NoHost),
            ("redis://host/name", UrlError::Database),
            ("redis://host/-1", UrlError::Database),
            ("redis-cluster://host/1", UrlError::DatabaseOfCluster),
            ("redis-cluster://host?node=other", UrlError::Node),
            ("redis-sentinel://host", UrlError::NoServiceName),
            ("redis://:%ff@host", UrlError::NotText),
            ("redis://:sec\nret@host", UrlError::ControlCharacter),
        ] {
            assert_eq!(Target::parse(url).err(), Some(expected), "{url}");
        }
    }

    #[test]
    fn an_address_is_written_as_it_is_parsed() {
        for text in ["host:1", "127.0.0.1:65535", "[::1]:7"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Address::parse("::1:7"), Some(address("::1", 7)), "as a node of a cluster writes it");
        assert_eq!(Address::parse("host"), None);
    }
}
