//! An authority for certificates, for tests of TLS.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use uuid::Uuid;

/// A new authority, which nobody knows. Its files are gone when it is dropped.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

/// What a server with TLS needs: its certificate and key, and the authority of the clients that it lets in; all in PEM.
#[derive(Clone, Debug)]
pub struct ServerCertificate {
    pub(crate) authorities: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

#[expect(clippy::expect_used, reason = "a test without its certificates must fail")]
impl ServerCertificate {
    /// Writes the certificate and its key over those of a server that runs. It must be told to read them anew.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn write(&self, certificate: &Path, key: &Path) {
        std::fs::write(certificate, &self.certificate).expect("the certificate of the server");
        std::fs::write(key, &self.key).expect("the key of the server");
    }
}

#[expect(clippy::expect_used, clippy::new_without_default, reason = "a test without its certificates must fail")]
impl Authority {
    /// Makes one.
    ///
    /// # Panics
    /// When there is no temporary folder.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Of two with one name, a client would take one's signature for a broken one of the other's.
        params.distinguished_name.push(DnType::CommonName, format!("test authority {}", Uuid::new_v4()));
        let certificate = params.self_signed(&key).expect("a certificate of its own");
        let folder = TempDir::new().expect("a temporary folder");
        let authority = Self { folder, certificate, issuer: Issuer::new(params, key) };
        std::fs::write(authority.file(), authority.certificate.pem()).expect("a file in the temporary folder");
        authority
    }

    /// The file with its own certificate, in PEM.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.crt")
    }

    /// A certificate for a server of this name or address, which lets in only clients of this authority.
    ///
    /// # Panics
    /// When it is no name.
    #[must_use]
    pub fn server(&self, name: &str) -> ServerCertificate {
        let (certificate, key) = self.issue(name);
        ServerCertificate { authorities: self.certificate.pem(), certificate, key }
    }

    /// A certificate for a client of this name, in files; made anew, and written over, for a name that had one.
    ///
    /// # Panics
    /// When it is no name.
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
