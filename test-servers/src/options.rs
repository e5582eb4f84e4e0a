//! How a server differs from the usual one of its kind.

use crate::authority::ServerCertificate;
use crate::clock::Clock;
use crate::kind::Kind;

/// Options of a server, beside those of its kind.
#[derive(Debug, Default)]
pub(crate) struct ServerOptions {
    pub(crate) more_options: Vec<String>,
    /// It speaks TLS only, and lets in clients with a certificate only.
    pub(crate) tls: Option<ServerCertificate>,
    /// The clock by which it lives.
    pub(crate) clock: Option<Clock>,
    /// A language that it has besides English, as its locale is named: `de_DE`.
    pub(crate) language: Option<&'static str>,
}

impl ServerOptions {
    pub(crate) fn options_of<const N: usize>(more_options: [&str; N]) -> Self {
        Self { more_options: more_options.map(str::to_owned).to_vec(), ..Self::default() }
    }

    pub(crate) fn over_tls(certificate: &ServerCertificate) -> Self {
        Self { tls: Some(certificate.clone()), ..Self::default() }
    }

    /// The words before a command that give it a clock and a language of its own, and put its certificates into this folder, for this owner.
    pub(crate) fn words_before(&self, folder: &str, owner: &str) -> Vec<String> {
        let words = |tls: &ServerCertificate| {
            let script = ["sh", "-c", include_str!("scripts/tls.sh"), "tls", folder, owner].map(str::to_owned);
            [&script[..], &[tls.authorities.clone(), tls.certificate.clone(), tls.key.clone()]].concat()
        };
        let clock = self.clock.as_ref().map(Clock::words).unwrap_or_default();
        let language = |language: &str| {
            let script = ["sh", "-c", include_str!("scripts/language.sh"), "language"].map(str::to_owned);
            [&script[..], &[format!("{folder}-locale"), language.to_owned()]].concat()
        };
        let language = self.language.map(language).unwrap_or_default();
        [clock, language, self.tls.as_ref().map(words).unwrap_or_default()].concat()
    }

    /// All arguments that a server on this port needs beyond the usual ones.
    pub(crate) fn arguments(&self, kind: &Kind, folder: &str, port: u16) -> Vec<String> {
        let tls = self.tls.as_ref().map(|_| (kind.tls_options)(folder, port));
        [tls.unwrap_or_default(), self.more_options.clone()].concat()
    }
}
