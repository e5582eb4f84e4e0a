//! Hosts of a URL, among which the one that takes writes is found.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use scaler_core::{BoxError, StoreError};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use crate::error::{Finding, PgError, Target};

const ATTRS: &str = "target_session_attrs";

/// Connection options of each host of a URL, as one database.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    /// Hosts in the order of the URL; at least one.
    pub(crate) each: Vec<(Target, PgConnectOptions)>,
    /// True if only a host that takes writes is used.
    pub(crate) must_take_writes: bool,
    /// True if user and password of the URL are [plain].
    pub(crate) login_is_plain: bool,
    /// All hosts, for messages.
    pub(crate) target: Target,
}

impl Hosts {
    /// Parses `postgres://user:password@host1:port1,host2:port2/database?parameters` as libpq does. If there are several hosts, or with
    /// `target_session_attrs=read-write` or `primary`, read-only hosts are skipped.
    ///
    /// # Errors
    /// If the URL is not of this form; the message holds no secret.
    pub(crate) fn of(url: &str) -> Result<Self, StoreError> {
        let refused = |source: BoxError| StoreError::Refused { during: "connect", source };
        let target = Target::of_url(url);
        let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| ["postgres", "postgresql"].contains(scheme)) else {
            return Err(refused(Box::new(Finding::OtherScheme { target })));
        };
        let (address, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (attrs, parameters): (Vec<&str>, Vec<&str>) =
            parameters.split('&').partition(|parameter| parameter.split('=').next() == Some(ATTRS));
        let (login, place) = address.rsplit_once('@').map_or(("", address), |(login, place)| (login, place));
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        let mut must_take_writes = hosts.contains(',');
        if let Some(value) = attrs.last().and_then(|parameter| parameter.split_once('=')).map(|(_, value)| value) {
            must_take_writes |= match value {
                "any" => false,
                "read-write" | "primary" => true,
                other => return Err(refused(Box::new(Finding::SessionAttrs { target, value: other.to_owned() }))),
            };
        }
        let at = if address.contains('@') { "@" } else { "" };
        let mark = if parameters.iter().all(|parameter| parameter.is_empty()) { "" } else { "?" };
        let one = |host: &str| {
            let url = format!("{scheme}://{login}{at}{host}/{database}{mark}{}", parameters.join("&"));
            let options = PgConnectOptions::from_str(&url);
            let options = options.map_err(|source| refused(Box::new(PgError::new(target.clone(), source))))?;
            // TLS cannot verify a host name in brackets.
            let host = options.get_host().trim_matches(['[', ']']).to_owned();
            let options = options.host(&host);
            // Tick reports show slow statements; sqlx would log their whole text each time.
            Ok((Target::of(&options), options.disable_statement_logging()))
        };
        let each = hosts.split(',').map(one).collect::<Result<Vec<_>, StoreError>>()?;
        let target = Target::all(each.iter().map(|(target, _)| target));
        let login_is_plain = plain(percent_decode_str(login));
        Ok(Self { each, must_take_writes, login_is_plain, target })
    }

    /// Returns the same hosts with changed options.
    pub(crate) fn with(self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        let each = self.each.into_iter().map(|(target, options)| (target, change(options))).collect();
        Self { each, ..self }
    }
}

/// True if a user or password is printable ASCII, which SASLprep leaves as it is.
pub(crate) fn plain(mut text: impl Iterator<Item = u8>) -> bool {
    text.all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_hosts_are_one_database_that_must_take_writes() {
        let hosts = Hosts::of("postgres://me:p%40ss@one:1111,two,[::1]:3333/work?sslmode=require").unwrap();
        assert!(hosts.must_take_writes && hosts.login_is_plain);
        assert!(!Hosts::of("postgres://me:p%0ass@one/work").unwrap().login_is_plain);
        let found: Vec<_> = hosts.each.iter().map(|(_, options)| (options.get_host(), options.get_port())).collect();
        assert_eq!(found, [("one", 1111), ("two", 5432), ("::1", 3333)]);
        assert!(hosts.each.iter().all(|(_, options)| options.get_database() == Some("work") && options.get_username() == "me"));
        assert_eq!(hosts.target.to_string(), "one:1111,two:5432,[::1]:3333/work");
        assert!(!format!("{:?}", hosts.target).contains("p%40ss"));
    }

    #[test]
    fn one_host_may_be_asked_to_take_writes() {
        for (parameters, expected) in
            [("", false), ("?target_session_attrs=any", false), ("?sslmode=disable&target_session_attrs=read-write", true)]
        {
            let hosts = Hosts::of(&format!("postgres://me@one/work{parameters}")).unwrap();
            assert_eq!((hosts.must_take_writes, hosts.each.len()), (expected, 1), "{parameters}");
        }
        let error = Hosts::of("postgres://me:secret@one/work?target_session_attrs=standby").unwrap_err().to_string();
        assert!(error.contains("standby") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn an_invalid_url_is_refused() {
        for bad in [
            "mysql://me:secret@one/work",
            "me:secret",
            "postgres://me:secret@one:port/work",
            "postgres://me:secret@one:1,two:x/work",
        ] {
            let error = Hosts::of(bad).unwrap_err();
            assert!(matches!(error, StoreError::Refused { .. }) && !format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }
}
