//! Reason for which there is no session, or for which a command failed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::password::PasswordFile;
use crate::target::Address;

/// Reason for which there is no session, or for which a command failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error("not connected yet")]
    NotYet,
    #[error("the task of the connection ended unexpectedly")]
    Ended,
    #[error("cannot read the password from {}: {source}", path.display())]
    PasswordFile { path: PathBuf, source: Arc<io::Error> },
    #[error("cannot resolve the host name {}: {source}", address.host)]
    Lookup { address: Address, source: Arc<io::Error> },
    #[error("cannot connect to {address}: {source}")]
    Connect { address: Address, source: Arc<io::Error> },
    #[error("cannot connect to {address}: TLS handshake failed: {source}")]
    Tls { address: Address, source: Arc<io::Error> },
    #[error("the connection to {address} was lost: {source}")]
    Broken { address: Address, source: RedisError },
    #[error("{address} closed the connection")]
    Closed { address: Address },
    #[error("{address} has not answered for {} s", limit.as_secs())]
    Silent { address: Address, limit: Duration },
    #[error("{address} does not speak the Redis protocol ({source}): check the port, and if the server expects TLS")]
    Protocol { address: Address, source: RedisError },
    #[error("{address} is older than Redis 6, the minimum version: {source}")]
    TooOld { address: Address, source: RedisError },
    #[error("the Sentinel {sentinel} has no service {service:?}: check sentinelServiceName")]
    UnknownService { sentinel: Address, service: String },
    #[error("{address} is a replica now")]
    NotPrimary { address: Address },
    #[error("the keys have moved to {to}")]
    Moved { to: Address },
    #[error("the keys are moving to {to}")]
    Ask { to: Address },
    /// An error reply. It starts with a code in capitals.
    #[error("{text}")]
    Answer { text: String, source: RedisError },
}

impl Reason {
    pub(crate) fn password_file(file: &PasswordFile, source: io::Error) -> Self {
        Self::PasswordFile { path: file.path().to_owned(), source: source.into() }
    }

    pub(crate) fn lookup(address: &Address, source: io::Error) -> Self {
        Self::Lookup { address: address.clone(), source: source.into() }
    }

    pub(crate) fn connect(address: &Address, source: io::Error) -> Self {
        Self::Connect { address: address.clone(), source: source.into() }
    }

    pub(crate) fn tls(address: &Address, source: io::Error) -> Self {
        Self::Tls { address: address.clone(), source: source.into() }
    }

    /// Converts an error of the client library that came from the server at this address.
    pub(crate) fn of(address: &Address, source: RedisError) -> Self {
        let address = address.clone();
        match source.kind() {
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => redirection(&address, source),
            ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed => {
                Self::Answer { text: words(&source), source }
            }
            ErrorKind::Parse => Self::Protocol { address, source },
            ErrorKind::RESP3NotSupported => Self::TooOld { address, source },
            _ => Self::Broken { address, source },
        }
    }

    /// True if the server answered, whatever the answer was.
    pub(crate) const fn is_answer(&self) -> bool {
        matches!(self, Self::Answer { .. } | Self::Moved { .. } | Self::Ask { .. })
    }

    /// True if another server has the keys or takes writes now, or if the connection is of no more use.
    pub(crate) fn ends_session(&self) -> bool {
        match self {
            Self::Answer { text, .. } => has_code(text, "READONLY"),
            Self::Ask { .. } => false,
            _ => true,
        }
    }
}

/// Returns the redirection in this error. A node that does not know its own host omits it, or writes a question mark: both mean the host that
/// was asked.
fn redirection(asked: &Address, source: RedisError) -> Reason {
    let to = source.redirect_node().and_then(|(node, _slot)| Address::parse(node));
    match to {
        Some(to) => {
            let to = if to.host.is_empty() || to.host == "?" { Address { host: asked.host.clone(), ..to } } else { to };
            if source.kind() == ServerErrorKind::Moved.into() { Reason::Moved { to } } else { Reason::Ask { to } }
        }
        None => Reason::Answer { text: words(&source), source },
    }
}

/// Returns the reply as Redis wrote it; the library quotes the code.
fn words(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => error.to_string(),
    }
}

/// True if an error reply holds this code. The failure of a script may hold a second one behind its own (Redis 6).
pub(crate) fn has_code(reply: &str, code: &str) -> bool {
    reply.split([' ', ':', '-']).any(|word| word == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_names_a_node() {
        for (node, expected) in [("b:2", "b:2"), (":2", "asked:2"), ("?:2", "asked:2"), ("::1:2", "[::1]:2")] {
            let Reason::Ask { to } = redirection(
                &Address { host: "asked".to_owned(), port: 1 },
                RedisError::from((ServerErrorKind::Ask.into(), "", format!("3999 {node}"))),
            ) else {
                panic!("{node} is not read");
            };
            assert_eq!(to.to_string(), expected);
        }
    }
}
