//! Access to the API: who may read, and who may change something.
//!
//! The token is sent in `Authorization: Bearer`, which a browser never sends by itself, so a foreign web site cannot use it. An
//! `EventSource` cannot set headers: only the stream also takes the token in the parameter `token`.
//!
//! A demo has no token. It changes something only if the `Host` is a loopback name or address, so that a name of a foreign site that is
//! made to resolve to this machine is refused (DNS rebinding), and if the `Origin` is the same host (cross-site request forgery).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{Api, ApiError};
use crate::view::Right;

/// Access to the API.
#[derive(Clone, Debug)]
pub struct ApiAccess {
    /// Clients that may read.
    pub read: ReadAccess,
    /// Token that allows everything; without one, nothing may be changed unless it is a demo.
    pub token: Option<SecretString>,
    /// True if it is a demo, where clients of this machine may change everything without a token.
    pub demo: bool,
}

/// Clients that may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAccess {
    /// All clients.
    Open,
    /// Clients with the token.
    Token,
}

/// Client that may read. Extracting it checks that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader;

/// Client that may change something. Extracting it checks that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changer;

impl ApiAccess {
    /// Returns the access to a demo.
    #[must_use]
    pub const fn demo() -> Self {
        Self { read: ReadAccess::Open, token: None, demo: true }
    }

    /// Returns what clients may change.
    #[must_use]
    pub fn rights(&self, has_wishes: bool) -> Vec<Right> {
        let wish = has_wishes && (self.demo || self.token.is_some());
        [wish.then_some(Right::Wish), self.demo.then_some(Right::Demo)].into_iter().flatten().collect()
    }

    /// Checks if a client with these headers, or with this token in place of the header, may read.
    pub(super) fn check_read(&self, headers: &HeaderMap, token: Option<&str>) -> Result<(), ApiError> {
        match self.read {
            ReadAccess::Open => Ok(()),
            ReadAccess::Token => self.check_token(token.or_else(|| bearer(headers))),
        }
    }

    /// Checks if a client with these headers may change something.
    pub(super) fn check_change(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if self.demo { check_local(headers) } else { self.check_token(bearer(headers)) }
    }

    fn check_token(&self, given: Option<&str>) -> Result<(), ApiError> {
        let Some(token) = &self.token else {
            let error = "this server has no token, so this is off: set API_TOKEN or API_TOKEN_FILE and restart it";
            return Err(ApiError::new(StatusCode::FORBIDDEN, error));
        };
        let Some(given) = given else {
            let error = "the request has no token: send `Authorization: Bearer` with the value of API_TOKEN";
            return Err(ApiError::new(StatusCode::UNAUTHORIZED, error));
        };
        if bool::from(token.expose_secret().as_bytes().ct_eq(given.as_bytes())) {
            Ok(())
        } else {
            Err(ApiError::new(StatusCode::FORBIDDEN, "the token is wrong: send the value of API_TOKEN"))
        }
    }
}

impl FromRequestParts<Arc<Api>> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        api.access.check_read(&parts.headers, None).map(|()| Self)
    }
}

impl FromRequestParts<Arc<Api>> for Changer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        api.access.check_change(&parts.headers).map(|()| Self)
    }
}

/// Returns the token in the `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Checks that a request names this machine as its host, and comes from no foreign web site.
fn check_local(headers: &HeaderMap) -> Result<(), ApiError> {
    let refused = |error: String| Err(ApiError::new(StatusCode::FORBIDDEN, error));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_loopback(host) {
        return refused(format!("the host {host:?} is not this machine: open the page as http://localhost or http://127.0.0.1"));
    }
    match headers.get(header::ORIGIN) {
        Some(origin) if origin.as_bytes() != format!("http://{host}").as_bytes() => {
            refused(format!("the origin {origin:?} is another site than {host:?}: send the request from the page itself"))
        }
        _ => Ok(()),
    }
}

/// True if a host, with or without a port, is a loopback name or address.
fn is_loopback(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_and_addresses_are_local() {
        for host in ["localhost", "LOCALHOST:8088", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8088"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example:8088", "127.0.0.1.evil.example", "10.0.0.1:8088", "[::2]:1", "::1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
