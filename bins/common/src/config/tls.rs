//! Certificates and keys in files, checked before the first connection. The TLS libraries report less, and later.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};

use super::Problem;
use crate::Failure;

/// TLS mode of connections to Postgres, with the names of libpq.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server supports it.
    Prefer,
    /// TLS, without verification of the server certificate.
    Require,
    /// TLS; the server certificate must be signed by a trusted CA.
    VerifyCa,
    /// As `verify-ca`; the server certificate must also match the host name.
    VerifyFull,
}

impl SslMode {
    /// Returns the value of the `sslmode` parameter of a URL.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// True if the server certificate is verified with a CA bundle.
    pub(super) const fn verifies(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull)
    }
}

/// TLS mode of connections to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tls {
    /// No TLS.
    Off,
    /// TLS, with verification of the server certificate.
    On,
}

/// PEM file, and the variable that names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PemFile<'a> {
    pub(super) variable: &'static str,
    pub(super) path: Option<&'a PathBuf>,
}

/// PEM files for connections to one server.
#[derive(Clone, Copy, Debug)]
pub(super) struct PemFiles<'a> {
    pub(super) authorities: PemFile<'a>,
    pub(super) certificate: PemFile<'a>,
    pub(super) key: PemFile<'a>,
}

impl PemFiles<'_> {
    /// Returns the variable of the first file that is given, for the error that it has no effect.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        [self.authorities, self.certificate, self.key].into_iter().find(|file| file.path.is_some()).map(|file| file.variable)
    }

    /// Checks that each file can be used and that the key belongs to the certificate.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if let Some(path) = self.authorities.path {
            let mut roots = RootCertStore::empty();
            for certificate in self.authorities.certificates(path)? {
                roots.add(certificate).map_err(|error| self.authorities.unusable(path, error.to_string()))?;
            }
        }
        match (self.certificate.path, self.key.path) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(self.certificate.lonely(self.key.variable)),
            (None, Some(_)) => Err(self.key.lonely(self.certificate.variable)),
            (Some(certificate), Some(key)) => self.check_pair(certificate, key),
        }
    }

    fn check_pair(&self, certificate: &Path, key: &Path) -> Result<(), Failure> {
        let chain = self.certificate.certificates(certificate)?;
        let der = PrivateKeyDer::from_pem_file(key).map_err(|error| self.key.unreadable(key, &error, "private key"))?;
        CertifiedKey::from_der(chain, der, &default_provider()).map(drop).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                self.key.unusable(key, format!("does not belong to the certificate {}", certificate.display()))
            }
            error => self.key.unusable(key, error.to_string()),
        })
    }
}

impl PemFile<'_> {
    fn certificates(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let failed = |error| self.unreadable(path, &error, "certificate");
        let found = CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        if found.is_empty() { Err(failed(pem::Error::NoItemsFound)) } else { Ok(found) }
    }

    fn unreadable(&self, path: &Path, error: &pem::Error, wanted: &str) -> Failure {
        let why = match error {
            pem::Error::Io(error) => error.to_string(),
            pem::Error::NoItemsFound => format!("contains no PEM {wanted}"),
            error => format!("is not valid PEM: {error}"),
        };
        self.unusable(path, why)
    }

    fn unusable(&self, path: &Path, why: String) -> Failure {
        Failure::Variable { variable: self.variable, problem: Problem::File { path: path.to_owned(), why } }
    }

    fn lonely(&self, other: &'static str) -> Failure {
        Failure::Variable { variable: self.variable, problem: Problem::Lonely(other) }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use test_servers::Authority;

    use super::*;

    fn complaint(authorities: Option<&PathBuf>, certificate: Option<&PathBuf>, key: Option<&PathBuf>) -> String {
        let file = |variable, path| PemFile { variable, path };
        let files =
            PemFiles { authorities: file("CA", authorities), certificate: file("CERT", certificate), key: file("KEY", key) };
        files.check().map_or_else(|failure| failure.to_string(), |()| String::new())
    }

    #[test]
    fn an_unusable_file_is_named_with_its_variable() {
        let (ours, folder) = (Authority::new(), TempDir::new().unwrap());
        let (one, other) = (ours.client("one"), ours.client("other"));
        let (missing, text) = (folder.path().join("missing"), folder.path().join("text"));
        std::fs::write(&text, "hello").unwrap();
        assert_eq!(complaint(Some(&ours.file()), Some(&one.certificate), Some(&one.key)), "");
        for (line, expected, path) in [
            (complaint(Some(&missing), None, None), "CA: ", &missing),
            (complaint(Some(&text), None, None), "CA: ", &text),
            (complaint(Some(&one.key), None, None), "contains no PEM certificate", &one.key),
            (complaint(None, Some(&missing), Some(&one.key)), "CERT: ", &missing),
            (complaint(None, Some(&one.certificate), Some(&text)), "KEY: ", &text),
            (complaint(None, Some(&one.certificate), Some(&one.certificate)), "contains no PEM private key", &one.certificate),
            (complaint(None, Some(&one.certificate), Some(&other.key)), "does not belong to the certificate", &other.key),
        ] {
            assert!(line.contains(expected) && line.contains(path.to_str().unwrap()), "{line}");
        }
        assert_eq!(
            complaint(None, Some(&one.certificate), None),
            "CERT: has no effect without KEY: set that, too, or unset this"
        );
        assert_eq!(complaint(None, None, Some(&one.key)), "KEY: has no effect without CERT: set that, too, or unset this");
    }
}
