//! TLS with Redis: whom to trust, and as whom to come.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};

use crate::error::Failure;

/// Whom to trust, and as whom to come. The server's name is always checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisTls {
    /// A PEM file with the authorities that alone may vouch for the server; `None`: those that this system trusts.
    pub authorities: Option<PathBuf>,
    /// What to show a server that asks who comes.
    pub identity: Option<ClientIdentity>,
}

/// A certificate and its key, in PEM files. They are read anew for each connection, so that renewed ones count at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl RedisTls {
    /// What the client library connects with.
    #[expect(clippy::expect_used, reason = "a constant of the library")]
    pub(crate) fn connector(&self) -> Result<ClientConfig, Failure> {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need")
            .with_root_certificates(self.roots()?);
        Ok(match &self.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(Renewed::new(identity)?)),
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
            // Where the system knows none, no server is trusted, and the handshake says so.
            None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        }
        Ok(roots)
    }
}

/// The identity as its files have it now; as they had it last, while they are just being replaced.
#[derive(Debug)]
struct Renewed {
    files: ClientIdentity,
    last: Mutex<Arc<CertifiedKey>>,
}

impl Renewed {
    fn new(files: &ClientIdentity) -> Result<Self, Failure> {
        Ok(Self { files: files.clone(), last: Mutex::new(Arc::new(read(files)?)) })
    }
}

impl ResolvesClientCert for Renewed {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(identity) = read(&self.files) {
            *last = Arc::new(identity);
        }
        Some(Arc::clone(&last))
    }

    fn has_certs(&self) -> bool {
        true
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
        pem::Error::NoItemsFound => format!("holds no {wanted} in PEM"),
        error => format!("is not PEM: {error}"),
    };
    Failure::Tls { file: file.to_owned(), why }
}

fn unusable(file: &Path, error: &rustls::Error) -> Failure {
    Failure::Tls { file: file.to_owned(), why: error.to_string() }
}
