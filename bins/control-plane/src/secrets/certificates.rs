//! An X.509 certificate authority and the certificates that it signs, in PEM.

use k8s_openapi::ByteString;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::SecretsError;

/// Validity period of a certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    from: OffsetDateTime,
    until: OffsetDateTime,
}

/// Usage of a certificate: server or client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Usage {
    /// A server, which may connect to itself as a client.
    Server,
    Client,
}

/// Certificate authority with its key.
pub(super) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Validity {
    /// Returns the period of so many days from now. It begins yesterday, for clocks that are behind.
    pub(super) fn days_from_now(days: u16) -> Self {
        let now = OffsetDateTime::now_utc();
        Self { from: now - Duration::DAY, until: now + Duration::days(days.into()) }
    }
}

impl Authority {
    /// Creates a new authority.
    pub(super) fn new(validity: Validity) -> Result<Self, SecretsError> {
        let key = KeyPair::generate()?;
        // The name is unique: of two authorities with one name, a client would take a certificate of one for a forged one of the other.
        let mut params = params(&format!("notifi-scaler CA {}", Uuid::new_v4().simple()), &[], validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// Loads the authority from the data of a Secret.
    pub(super) fn load(secret: &str, certificate: &ByteString, key: &ByteString) -> Result<Self, SecretsError> {
        let load = || {
            let certificate = String::from_utf8(certificate.0.clone()).map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
            let key = str::from_utf8(&key.0).map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
            let issuer = Issuer::from_ca_cert_pem(&certificate, KeyPair::from_pem(key)?)?;
            Ok(Self { certificate, issuer })
        };
        load().map_err(|source| SecretsError::Authority { secret: secret.to_owned(), source })
    }

    pub(super) fn certificate_pem(&self) -> ByteString {
        ByteString(self.certificate.clone().into_bytes())
    }

    pub(super) fn key_pem(&self) -> ByteString {
        ByteString(self.issuer.key().serialize_pem().into_bytes())
    }

    /// Issues a certificate, and returns it with its key. The first name is the common name; a server certificate is valid for all names.
    pub(super) fn issue(
        &self,
        names: &[String],
        usage: Usage,
        validity: Validity,
    ) -> Result<(ByteString, ByteString), SecretsError> {
        let common_name = names.first().map_or("", String::as_str);
        let mut params = match usage {
            Usage::Server => params(common_name, names, validity)?,
            Usage::Client => params(common_name, &[], validity)?,
        };
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match usage {
            Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((ByteString(certificate.pem().into_bytes()), ByteString(key.serialize_pem().into_bytes())))
    }
}

fn params(common_name: &str, names: &[String], validity: Validity) -> Result<CertificateParams, SecretsError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    (params.not_before, params.not_after) = (validity.from, validity.until);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loaded_authority_signs_for_its_own_certificate() {
        let validity = Validity::days_from_now(1);
        let new = Authority::new(validity).unwrap();
        let loaded = Authority::load("ca", &new.certificate_pem(), &new.key_pem()).unwrap();
        assert_eq!(loaded.certificate_pem(), new.certificate_pem());
        let names = ["db".to_owned(), "127.0.0.1".to_owned()];
        let (certificate, key) = loaded.issue(&names, Usage::Server, validity).unwrap();
        assert_ne!(certificate, new.certificate_pem());
        assert_ne!(key, new.key_pem());
    }

    #[test]
    fn an_unreadable_authority_is_named() {
        let nonsense = ByteString(b"nonsense".to_vec());
        let Err(error) = Authority::load("ca-tls", &nonsense, &nonsense) else { unreachable!("it is no key") };
        assert!(error.to_string().starts_with("Secret ca-tls"), "{error}");
    }
}
