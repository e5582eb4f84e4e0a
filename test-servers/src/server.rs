//! A server of either kind, wherever it comes from.

use std::env;
use std::path::PathBuf;

use crate::authority::ServerCertificate;
use crate::docker::Container;
use crate::error::{Failure, NoServer};
use crate::kind::{Kind, REDIS};
use crate::local::{Local, chosen_folder, free_port};
use crate::options::ServerOptions;

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
            return Self::local(kind, &ServerOptions::default()).await;
        }
        let by_docker = match Self::from_docker(kind, &ServerOptions::default()).await {
            Ok(server) => return Ok(server),
            Err(failure) => ("Docker", failure),
        };
        let by_programs = match Self::from_this_machine(kind, &ServerOptions::default()).await {
            Ok(server) => return Ok(server),
            Err(failure) => ("programs of this machine", failure),
        };
        Err(NoServer { kind, tried: vec![by_url, by_docker, by_programs] })
    }

    /// A server of its own, of this machine.
    pub(crate) async fn local(kind: &'static Kind, options: &ServerOptions) -> Result<Self, NoServer> {
        let started = Self::from_this_machine(kind, options).await;
        started.map_err(|failure| NoServer { kind, tried: vec![("programs of this machine", failure)] })
    }

    /// A server of its own: of this machine, which is faster, or of Docker. Where the environment chooses the programs, it is of those.
    pub(crate) async fn private(kind: &'static Kind, options: &ServerOptions) -> Result<Self, NoServer> {
        if chosen_folder(kind).is_some() {
            return Self::local(kind, options).await;
        }
        let by_programs = match Self::from_this_machine(kind, options).await {
            Ok(server) => return Ok(server),
            Err(failure) => ("programs of this machine", failure),
        };
        let by_docker = match Self::from_docker(kind, options).await {
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

    async fn from_docker(kind: &'static Kind, options: &ServerOptions) -> Result<Self, Failure> {
        let (container, host, port) = Container::start_new(kind, options).await?;
        Ok(Self { kind, place: Place::Address { host, port }, source: Source::Docker(Box::new(container)) })
    }

    async fn from_this_machine(kind: &'static Kind, options: &ServerOptions) -> Result<Self, Failure> {
        let (local, port) = Local::start_new(kind, options).await?;
        let place = Place::Address { host: "127.0.0.1".to_owned(), port };
        Ok(Self { kind, place, source: Source::Local(Box::new(local)) })
    }
}

/// Options with TLS on the usual port, these options, and another port without TLS for the test's own orders.
pub(crate) fn over_tls_and_plain(certificate: &ServerCertificate, options: &[&str]) -> (ServerOptions, u16) {
    let plain = or_fail(free_port().map_err(|failure| NoServer { kind: &REDIS, tried: vec![("a port", failure)] }));
    let port = ["--port".to_owned(), plain.to_string()];
    let more_options = options.iter().copied().map(str::to_owned).chain(port).collect();
    (ServerOptions { more_options, ..ServerOptions::over_tls(certificate) }, plain)
}

/// Ends the test that needs a server and has none.
#[expect(clippy::panic, reason = "a test without its server must fail, and its reader must see why")]
pub(crate) fn or_fail<T>(result: Result<T, NoServer>) -> T {
    result.unwrap_or_else(|no_server| panic!("{no_server}"))
}
