//! Errors of making Secrets.

use notifi_scaler_common::{Failure, UNAVAILABLE, USAGE};

use crate::kubernetes::describe;

/// Error of making a Secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// No Kubernetes cluster is configured.
    #[error("no Kubernetes cluster is configured, neither by a service account nor by KUBECONFIG: {0}")]
    NoCluster(String),
    /// Kubernetes refuses a call, or does not answer.
    #[error("{during}: {}", describe(.source))]
    Kubernetes {
        /// The call, with its object.
        during: String,
        /// Error of the Kubernetes client.
        #[source]
        source: kube::Error,
    },
    /// A Secret lacks a value that another one needs.
    #[error("Secret {secret} has no key {key}: add the key, or delete the Secret, and the next run creates it again")]
    NoKey {
        /// Name of the Secret.
        secret: String,
        /// The missing key.
        key: String,
    },
    /// The certificate or the key of the authority cannot be used to sign.
    #[error(
        "Secret {secret} cannot sign certificates: {source}. Delete it and all Secrets with certificates that it signed, and the next \
         run creates them again; then restart the pods that use them"
    )]
    Authority {
        /// Name of the Secret.
        secret: String,
        /// Error of the certificate library.
        source: rcgen::Error,
    },
    /// Certificates are missing, and the authority that signed the others is, too.
    #[error(
        "Secret {authority}, whose CA signed the certificates in {present}, is missing: restore it, or delete these Secrets, too, and \
         the next run creates all of them again; then restart the pods that use them"
    )]
    AuthorityLost {
        /// Name of the Secret of the authority.
        authority: String,
        /// Names of the Secrets with certificates that it signed.
        present: String,
    },
    /// A certificate cannot be made.
    #[error("cannot create a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

impl SecretsError {
    /// True if the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Kubernetes { source, .. } => crate::kubernetes::is_transient(source),
            _ => false,
        }
    }
}

impl From<SecretsError> for Failure {
    fn from(error: SecretsError) -> Self {
        let code = if error.is_transient() { UNAVAILABLE } else { USAGE };
        Self::own(error, code)
    }
}
