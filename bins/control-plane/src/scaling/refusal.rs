//! Maps errors of the Kubernetes client to [`FleetError`].

use std::fmt;
use std::time::Duration;

use scaler_core::BoxError;
use scaler_core::autoscale::FleetError;

use crate::kubernetes::{describe, is_transient};

/// Failure of a call to Kubernetes.
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
    /// Classifies an error of a call about an object.
    pub(super) fn of(about: &impl fmt::Display, error: kube::Error) -> Self {
        let kind = match &error {
            kube::Error::Api(status) => of_code(status.code),
            kube::Error::Auth(_) => Kind::Denied,
            error if is_transient(error) => Kind::Away,
            _ => Kind::Refused,
        };
        Self { kind, source: Box::new(Told { told: format!("{about}: {}", describe(&error)), source: error }) }
    }

    /// Returns the failure of a call that was not answered in time.
    pub(super) fn silence(about: &impl fmt::Display, patience: Duration) -> Self {
        Self {
            kind: Kind::Unanswered,
            source: format!("{about}: no answer from the API server within {} s", patience.as_secs()).into(),
        }
    }

    /// Returns the core's error for the failure of a call.
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

/// Error of the client, as one line of text.
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
