//! A server of either kind, wherever it comes from.

use std::env;
use std::path::PathBuf;

use crate::authority::ServerCertificate;
use crate::clock::Clock;
use crate::docker::Container;
use crate::error::{Failure, NoServer};
use crate::kind::{Kind, REDIS};
use crate::local::{Local, chosen_folder, free_port};

/// A server that runs, or ran and may run again.
#[derive(Debug)]
pub(crate) struct Server {
    kind: &'static Kind,
    pub(crate) place: Place,
    source: Source,
}

/// Where a server is reached.
#[derive(Debug)]
pub(crate) enum Place {
    /// By somebody else's URL.
    Url(String),
    /// At an address of ours.
    Address { host: String, port: u16 },
}

/// How a server shall differ from the usual one.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    pub(crate) more_options: Vec<String>,
    /// It speaks TLS only, and lets in clients with a certificate only.
    pub(crate) tls: Option<ServerCertificate>,
    /// The clock by which it lives.
    pub(crate) clock: Option<Clock>,
    /// A language that it has besides English, as its locale is named: `de_DE`.
    pub(crate) language: Option<&'static str>,
}

impl Wish {
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

    /// All options that a server on this port needs beyond the usual ones.
    pub(crate) fn options(&self, kind: &Kind, folder: &str, port: u16) -> Vec<String> {
        let tls = self.tls.as_ref().map(|_| (kind.tls_options)(folder, port));
        [tls.unwrap_or_default(), self.more_options.clone()].concat()
    }

    /// With TLS on the usual port, these options, and another port without TLS for the test's own orders.
    pub(crate) fn over_tls_and_plain(certificate: &ServerCertificate, options: &[&str]) -> (Self, u16) {
        let plain = or_fail(free_port().map_err(|failure| NoServer { kind: &REDIS, tried: vec![("a port", failure)] }));
        let port = ["--port".to_owned(), plain.to_string()];
        let more_options = options.iter().copied().map(str::to_owned).chain(port).collect();
        (Self { more_options, ..Self::over_tls(certificate) }, plain)
    }
}

#[derive(Debug)]
enum Source {
    Environment,
    Docker(Box<Container>),
    Local(Box<Local>),
}

impl Server {
    /// Any server: of the environment, of Docker, of this machine. Where the environment chooses the programs, it is of those.
    pub(crate) async fn find(kind: &'static Kind) -> Result<Self, NoServer> {
        let by_url = match Self::from_environment(kind) {
            Ok(server) => return Ok(server),
            Err(failure) => ("a URL", failure),
        };
        if chosen_folder(kind).is_some() {
            return Self::local(kind, &Wish::default()).await;
        }
        let by_docker = match Self::from_docker(kind, &Wish::default()).await {
            Ok(server) => return Ok(server),
            Err(failure) => ("Docker", failure),
        };
        let by_programs = match Self::from_this_machine(kind, &Wish::default()).await {
            Ok(server) => return Ok(server),
            Err(failure) => ("programs of this machine", failure),
        };
        Err(NoServer { kind, tried: vec![by_url, by_docker, by_programs] })
    }

    /// A server of its own, of this machine.
    pub(crate) async fn local(kind: &'static Kind, wish: &Wish) -> Result<Self, NoServer> {
        let started = Self::from_this_machine(kind, wish).await;
        started.map_err(|failure| NoServer { kind, tried: vec![("programs of this machine", failure)] })
    }

    /// A server of its own: of this machine, which is faster, or of Docker. Where the environment chooses the programs, it is of those.
    pub(crate) async fn private(kind: &'static Kind, wish: &Wish) -> Result<Self, NoServer> {
        if chosen_folder(kind).is_some() {
            return Self::local(kind, wish).await;
        }
        let by_programs = match Self::from_this_machine(kind, wish).await {
            Ok(server) => return Ok(server),
            Err(failure) => ("programs of this machine", failure),
        };
        let by_docker = match Self::from_docker(kind, wish).await {
            Ok(server) => return Ok(server),
            Err(failure) => ("Docker", failure),
        };
        Err(NoServer { kind, tried: vec![by_programs, by_docker] })
    }

    /// Starts it again at the same place.
    pub(crate) async fn start(&self) -> Result<(), NoServer> {
        let started = match &self.source {
            Source::Environment => Err(Failure::NotOurs),
            Source::Docker(container) => container.start().await,
            Source::Local(local) => local.start().await,
        };
        started.map_err(|failure| NoServer { kind: self.kind, tried: vec![("starting it again", failure)] })
    }

    /// Stops it in good order.
    pub(crate) async fn stop(&self) -> Result<(), NoServer> {
        let stopped = match &self.source {
            Source::Environment => Err(Failure::NotOurs),
            Source::Docker(container) => container.stop().await,
            Source::Local(local) => local.stop().await,
        };
        stopped.map_err(|failure| NoServer { kind: self.kind, tried: vec![("stopping it", failure)] })
    }

    /// Ends it at once, as a crash would.
    pub(crate) async fn kill(&self) -> Result<(), NoServer> {
        let killed = match &self.source {
            Source::Environment => Err(Failure::NotOurs),
            Source::Docker(container) => container.kill().await,
            Source::Local(local) => local.kill().await,
        };
        killed.map_err(|failure| NoServer { kind: self.kind, tried: vec![("killing it", failure)] })
    }

    /// Freezes it; only a server of this machine can be.
    pub(crate) async fn pause(&self) -> Result<(), NoServer> {
        self.local_order("pausing it", async |local| local.pause().await).await
    }

    /// Lets a frozen one go on.
    pub(crate) async fn resume(&self) -> Result<(), NoServer> {
        self.local_order("resuming it", async |local| local.resume().await).await
    }

    async fn local_order(
        &self,
        doing: &'static str,
        order: impl AsyncFnOnce(&Local) -> Result<(), Failure>,
    ) -> Result<(), NoServer> {
        let done = match &self.source {
            Source::Environment | Source::Docker(_) => Err(Failure::NotLocal),
            Source::Local(local) => order(local).await,
        };
        done.map_err(|failure| NoServer { kind: self.kind, tried: vec![(doing, failure)] })
    }

    /// The folder in which a server of this machine runs.
    pub(crate) async fn folder(&self) -> Option<PathBuf> {
        match &self.source {
            Source::Environment | Source::Docker(_) => None,
            Source::Local(local) => Some(local.folder().await),
        }
    }

    fn from_environment(kind: &'static Kind) -> Result<Self, Failure> {
        let variable = kind.offer.as_ref().ok_or(Failure::NoOffer)?.url_variable;
        let url = env::var(variable).ok().filter(|url| !url.is_empty()).ok_or(Failure::NotSet { variable })?;
        Ok(Self { kind, place: Place::Url(url), source: Source::Environment })
    }

    async fn from_docker(kind: &'static Kind, wish: &Wish) -> Result<Self, Failure> {
        let (container, host, port) = Container::start_new(kind, wish).await?;
        Ok(Self { kind, place: Place::Address { host, port }, source: Source::Docker(Box::new(container)) })
    }

    async fn from_this_machine(kind: &'static Kind, wish: &Wish) -> Result<Self, Failure> {
        let (local, port) = Local::start_new(kind, wish).await?;
        let place = Place::Address { host: "127.0.0.1".to_owned(), port };
        Ok(Self { kind, place, source: Source::Local(Box::new(local)) })
    }
}

/// Ends the test that needs a server and has none.
#[expect(clippy::panic, reason = "a test without its server must fail, and its reader must see why")]
pub(crate) fn or_fail<T>(result: Result<T, NoServer>) -> T {
    result.unwrap_or_else(|no_server| panic!("{no_server}"))
}
