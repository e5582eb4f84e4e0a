//! Options of a single server.

use crate::authority::ServerCertificate;
use crate::clock::Clock;
use crate::kind::Kind;

/// Options of a server, in addition to those of its kind.
#[derive(Debug, Default)]
pub(crate) struct ServerOptions {
    pub(crate) more_options: Vec<String>,
    /// Certificate of a server that accepts only TLS, and only clients with a certificate; `None` for a server without TLS.
    pub(crate) tls: Option<ServerCertificate>,
    /// Clock of the server; `None` for that of the machine.
    pub(crate) clock: Option<Clock>,
    /// Language that it has besides English, as the name of its locale: `de_DE`.
    pub(crate) language: Option<&'static str>,
}

impl ServerOptions {
    pub(crate) fn options_of<const N: usize>(more_options: [&str; N]) -> Self {
        Self { more_options: more_options.map(str::to_owned).to_vec(), ..Self::default() }
    }

    pub(crate) fn over_tls(certificate: &ServerCertificate) -> Self {
        Self { tls: Some(certificate.clone()), ..Self::default() }
    }

    /// Returns the words before a command that set its clock and language, and write its certificates to this folder, for this
    /// owner.
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

    /// Returns the arguments of a server on this port in addition to the usual ones.
    pub(crate) fn arguments(&self, kind: &Kind, folder: &str, port: u16) -> Vec<String> {
        let tls = self.tls.as_ref().map(|_| (kind.tls_options)(folder, port));
        [tls.unwrap_or_default(), self.more_options.clone()].concat()
    }
}
