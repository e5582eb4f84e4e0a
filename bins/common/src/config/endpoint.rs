//! URL of a server, and its address without the secret for logs and errors.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Characters that are percent-encoded in a part of a URL: all but the unreserved ones of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// URL of a server. `Debug` and `Display` show host, port and database only.
#[derive(Clone)]
pub struct Endpoint {
    url: SecretString,
    place: String,
}

/// Reason why a variable is invalid, without its value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Bytes that are not UTF-8.
    #[error("is not valid UTF-8: use a value that is")]
    NotText,
    /// A NUL byte, which ends a string for Postgres and for the operating system.
    #[error("contains a NUL byte, which Postgres does not accept: use a value without one")]
    Nul,
    /// Not a URL.
    #[error("is not a valid URL ({0}); percent-encode special characters in user and password")]
    NotUrl(#[from] url::ParseError),
    /// A URL with another scheme; holds the expected start of the URL.
    #[error("must be a URL that starts with {0}")]
    Scheme(&'static str),
    /// An `@` after the host: the user name or the password is not percent-encoded.
    #[error("contains an @ after the host: percent-encode special characters in user and password")]
    StrayAt,
    /// A file that cannot be used.
    #[error("{}: {why}", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the file or of its content.
        why: String,
    },
    /// A variable that has no effect without another setting; holds that setting.
    #[error("has no effect without {0}: set that, too, or unset this")]
    Lonely(&'static str),
    /// A value that is given twice; holds the other variable.
    #[error("cannot be set together with {0}: unset one of them")]
    Twice(&'static str),
    /// No value, and the host name is not usable instead; holds the reason.
    #[error("is not set, and the host name is not a valid worker name: {0}")]
    NoHostName(String),
}

/// Parts of a URL, not yet percent-encoded.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) scheme: &'static str,
    pub(super) user: &'a str,
    pub(super) password: Option<&'a SecretString>,
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) path: &'a str,
    pub(super) parameters: &'a [(&'static str, &'a str)],
}

impl Endpoint {
    /// Builds the URL of a server from its parts.
    pub(super) fn of(parts: Parts<'_>) -> Self {
        let encoded = |text| utf8_percent_encode(text, ENCODED);
        let places: Vec<_> = parts.host.split(',').map(|host| place_of(host, parts.port)).collect();
        let hosts = places.iter().map(|(host, port)| match host {
            v6 if v6.contains(':') && !v6.starts_with('[') => format!("[{v6}]:{port}"),
            v6 if v6.starts_with('[') => format!("{v6}:{port}"),
            name => format!("{}:{port}", encoded(name)),
        });
        let hosts = hosts.collect::<Vec<_>>().join(",");
        let password = parts.password.map_or(String::new(), |password| format!(":{}", encoded(password.expose_secret())));
        let login = format!("{}{password}", encoded(parts.user));
        let at = if login.is_empty() { "" } else { "@" };
        let path = if parts.path.is_empty() { String::new() } else { format!("/{}", encoded(parts.path)) };
        let parameters = parts.parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        let parameters = parameters.collect::<Vec<_>>().join("&");
        let mark = if parameters.is_empty() { "" } else { "?" };
        let url = format!("{}://{login}{at}{hosts}{path}{mark}{parameters}", parts.scheme);
        let slash = if parts.path.is_empty() { "" } else { "/" };
        let shown = places.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(",");
        let place = format!("{shown}{slash}{}", parts.path);
        Self { url: url.into(), place }
    }

    /// Parses the URL of a server. Its scheme must be one of `schemes`. Several hosts are separated by commas.
    pub(super) fn parse(
        url: &SecretString,
        schemes: &[&str],
        expected: &'static str,
        default_port: u16,
    ) -> Result<Self, Problem> {
        let url = with_controls_encoded(url.expose_secret());
        check_encoded(&url)?;
        let each = one_by_one(&url).map(|url| Url::parse(&url)).collect::<Result<Vec<_>, _>>()?;
        let [parsed, ..] = &each[..] else { return Err(Problem::NotUrl(url::ParseError::EmptyHost)) };
        if !schemes.contains(&parsed.scheme()) {
            return Err(Problem::Scheme(expected));
        }
        if [parsed.path(), parsed.query().unwrap_or_default(), parsed.fragment().unwrap_or_default()]
            .iter()
            .any(|part| part.contains('@'))
        {
            return Err(Problem::StrayAt);
        }
        let shown = each.iter().map(|parsed| {
            let host = parsed.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
            format!("{host}:{}", parsed.port().unwrap_or(default_port))
        });
        let place = format!("{}{}", shown.collect::<Vec<_>>().join(","), parsed.path().trim_end_matches('/'));
        Ok(Self { url: url.into(), place })
    }

    /// Returns the URL with all its secrets, for opening a connection.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.url.expose_secret()
    }

    /// Returns the last value of a query parameter; `None` if the URL does not have it.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let url = Url::parse(&one_by_one(self.reveal()).next()?).ok()?;
        url.query_pairs().filter(|(found, _)| found == name).last().map(|(_, value)| value.into_owned())
    }

    /// Returns host, port and database.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

/// Percent-encodes the control characters of a URL: URL parsers drop tabs and line feeds, which would change a password.
fn with_controls_encoded(url: &str) -> String {
    url.chars().fold(String::with_capacity(url.len()), |mut encoded, character| {
        if character.is_control() {
            encoded.extend(utf8_percent_encode(character.encode_utf8(&mut [0; 4]), CONTROLS));
        } else {
            encoded.push(character);
        }
        encoded
    })
}

/// Checks that the percent-decoded URL is UTF-8 without NUL.
fn check_encoded(url: &str) -> Result<(), Problem> {
    let decoded = percent_decode_str(url).decode_utf8().map_err(|_| Problem::NotText)?;
    if decoded.contains('\0') { Err(Problem::Nul) } else { Ok(()) }
}

/// Splits a host into its name and its port; `port` applies if the host has none.
fn place_of(host: &str, port: u16) -> (&str, u16) {
    let own = host.rsplit_once(':').filter(|(name, _)| !name.contains(':') || name.ends_with(']'));
    own.and_then(|(name, port)| Some((name, port.parse().ok()?))).unwrap_or((host, port))
}

/// Returns the URL once for each of its hosts.
fn one_by_one(url: &str) -> impl Iterator<Item = String> {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (&url[..scheme.len() + 3], rest));
    let (address, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (login, hosts) = address.split_at(address.rfind('@').map_or(0, |at| at + 1));
    hosts.split(',').map(move |host| format!("{scheme}{login}{host}{behind}"))
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.place).finish()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}
