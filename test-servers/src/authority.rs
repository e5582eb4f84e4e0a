//! Certificate authority for tests of TLS.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use uuid::Uuid;

/// Certificate authority that no client trusts by default. Its files are removed when it is dropped.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// Certificate and its key, in files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// File of the certificate, in PEM.
    pub certificate: PathBuf,
    /// File of its key, in PEM.
    pub key: PathBuf,
}

/// Certificate and key of a TLS server, and the CA certificate for the clients that it accepts; all in PEM.
#[derive(Clone, Debug)]
pub struct ServerCertificate {
    pub(crate) authorities: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

#[expect(clippy::expect_used, reason = "a test without its certificates must fail")]
impl ServerCertificate {
    /// Overwrites the certificate and key files of a running server, which must then be told to reload them.
    ///
    /// # Panics
    /// If the files cannot be written.
    pub fn write(&self, certificate: &Path, key: &Path) {
        std::fs::write(certificate, &self.certificate).expect("the certificate of the server");
        std::fs::write(key, &self.key).expect("the key of the server");
    }
}

#[expect(clippy::expect_used, clippy::new_without_default, reason = "a test without its certificates must fail")]
impl Authority {
    /// Returns a new authority.
    ///
    /// # Panics
    /// If there is no temporary folder.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Names are unique: of two authorities with the same name, a client would report a signature of one as a broken
        // signature of the other.
        params.distinguished_name.push(DnType::CommonName, format!("test authority {}", Uuid::new_v4()));
        let certificate = params.self_signed(&key).expect("a certificate of its own");
        let folder = TempDir::new().expect("a temporary folder");
        let authority = Self { folder, certificate, issuer: Issuer::new(params, key) };
        std::fs::write(authority.file(), authority.certificate.pem()).expect("a file in the temporary folder");
        authority
    }

    /// Returns the file of its own certificate, in PEM.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.crt")
    }

    /// Returns a certificate for a server with this name or address, which accepts only clients of this authority.
    ///
    /// # Panics
    /// If this is not a valid name.
    #[must_use]
    pub fn server(&self, name: &str) -> ServerCertificate {
        let (certificate, key) = self.issue(name);
        ServerCertificate { authorities: self.certificate.pem(), certificate, key }
    }

    /// Returns a certificate for a client with this name, in files. Files that exist for the name are overwritten.
    ///
    /// # Panics
    /// If this is not a valid name.
    #[must_use]
    pub fn client(&self, name: &str) -> Identity {
        let file = |end| self.folder.path().join(format!("{name}.{end}"));
        let identity = Identity { certificate: file("crt"), key: file("key") };
        let (certificate, key) = self.issue(name);
        std::fs::write(&identity.certificate, certificate).expect("a file in the temporary folder");
        std::fs::write(&identity.key, key).expect("a file in the temporary folder");
        identity
    }

    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name or address");
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}
