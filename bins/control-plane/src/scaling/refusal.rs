//! What goes wrong with Kubernetes, as the core names it.

use std::fmt;
use std::time::Duration;

use scaler_core::BoxError;
use scaler_core::autoscale::FleetError;

use crate::kubernetes::{describe, is_transient};

/// A failure of a call to Kubernetes.
#[derive(Debug)]
pub(super) struct Refusal {
    kind: Kind,
    source: BoxError,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Changed,
    Denied,
    Missing,
    Away,
    Unanswered,
    Refused,
}

impl Refusal {
    /// The failure of a call about this object.
    pub(super) fn of(about: &impl fmt::Display, error: kube::Error) -> Self {
        let kind = match &error {
            kube::Error::Api(status) => of_code(status.code),
            kube::Error::Auth(_) => Kind::Denied,
            error if is_transient(error) => Kind::Away,
            _ => Kind::Refused,
        };
        Self { kind, source: Box::new(Told { told: format!("{about}: {}", describe(&error)), source: error }) }
    }

    /// No answer came in time.
    pub(super) fn silence(about: &impl fmt::Display, patience: Duration) -> Self {
        Self { kind: Kind::Unanswered, source: format!("{about}: nothing within {} s", patience.as_secs()).into() }
    }

    /// The core's error for a failure of this call.
    pub(super) fn during(self, during: &'static str) -> FleetError {
        let source = self.source;
        match self.kind {
            Kind::Changed => FleetError::Changed { during, source },
            Kind::Denied => FleetError::Denied { during, source },
            Kind::Missing => FleetError::Missing { during, source },
            Kind::Away => FleetError::Unavailable { during, source },
            Kind::Unanswered => FleetError::Unanswered { during, source },
            Kind::Refused => FleetError::Refused { during, source },
        }
    }
}

/// An error of the client, in words that fit a line.
#[derive(Debug, thiserror::Error)]
#[error("{told}")]
struct Told {
    told: String,
    source: kube::Error,
}

const fn of_code(code: u16) -> Kind {
    match code {
        401 | 403 => Kind::Denied,
        404 => Kind::Missing,
        409 => Kind::Changed,
        504 => Kind::Unanswered,
        429 | 500..=599 => Kind::Away,
        _ => Kind::Refused,
    }
}
