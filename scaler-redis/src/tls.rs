//! TLS settings for Redis: CA bundle and client certificate.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use crate::error::Failure;

/// CA bundle and client certificate. The server's name is always verified.
///
/// The files are read again for each connection, so renewed ones take effect with the next connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisTls {
    /// PEM file with the only CA certificates that are trusted; `None`: those of the system.
    pub authorities: Option<PathBuf>,
    /// Client certificate for a server that requests one (mutual TLS).
    pub identity: Option<ClientIdentity>,
}

/// Client certificate and its private key, in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate, followed by its intermediate certificates.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// TLS settings for the next connection, from the current content of the files.
#[derive(Debug)]
pub(crate) struct Connector {
    files: RedisTls,
    last: Mutex<Arc<ClientConfig>>,
}

impl Connector {
    /// Reads the files.
    pub(crate) fn new(files: &RedisTls) -> Result<Self, Failure> {
        Ok(Self { files: files.clone(), last: Mutex::new(Arc::new(files.client_config()?)) })
    }

    /// Returns the settings from the current content of the files, or the last valid ones if the files cannot be read, as while they are
    /// being replaced.
    pub(crate) fn current(&self) -> Arc<ClientConfig> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(config) = self.files.client_config() {
            *last = Arc::new(config);
        }
        Arc::clone(&last)
    }
}

impl RedisTls {
    #[expect(clippy::expect_used, reason = "a constant of the library")]
    fn client_config(&self) -> Result<ClientConfig, Failure> {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need")
            .with_root_certificates(self.roots()?);
        Ok(match &self.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(read(identity)?))),
            None => builder.with_no_client_auth(),
        })
    }

    fn roots(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(file) => {
                for certificate in certificates(file)? {
                    roots.add(certificate).map_err(|error| unusable(file, &error))?;
                }
            }
            // If the system has no CA certificates, no server is trusted, and the handshake reports that.
            None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        }
        Ok(roots)
    }
}

fn read(files: &ClientIdentity) -> Result<CertifiedKey, Failure> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(&files.key, &error, "private key"))?;
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| unusable(&files.key, &error))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let failed = |error| unreadable(file, &error, "certificate");
    let found = CertificateDer::pem_file_iter(file).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if found.is_empty() { Err(failed(pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn unreadable(file: &Path, error: &pem::Error, wanted: &str) -> Failure {
    let why = match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => format!("contains no PEM {wanted}"),
        error => format!("is not valid PEM: {error}"),
    };
    Failure::Tls { file: file.to_owned(), why }
}

fn unusable(file: &Path, error: &rustls::Error) -> Failure {
    Failure::Tls { file: file.to_owned(), why: error.to_string() }
}
