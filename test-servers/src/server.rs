//! Server of any kind and from any source.

use std::env;
use std::path::PathBuf;

use crate::authority::ServerCertificate;
use crate::docker::Container;
use crate::error::{Failure, NoServer};
use crate::kind::{Kind, REDIS};
use crate::local::{Local, chosen_folder, free_port};
use crate::options::ServerOptions;

/// Server that runs, or is stopped and may be started again.
#[derive(Debug)]
pub(crate) struct Server {
    kind: &'static Kind,
    pub(crate) place: Place,
    source: Source,
}

/// Address of a server.
#[derive(Debug)]
pub(crate) enum Place {
    /// URL from the environment.
    Url(String),
    /// Address of a server that this process started.
    Address { host: String, port: u16 },
}

#[derive(Debug)]
enum Source {
    Environment,
    Docker(Box<Container>),
    Local(Box<Local>),
}

impl Server {
    /// Returns a server from the first available source: the environment, Docker, programs of this machine.
    ///
    /// If the environment selects a folder of programs, Docker is skipped.
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

    /// Starts a private server from programs of this machine.
    pub(crate) async fn local(kind: &'static Kind, options: &ServerOptions) -> Result<Self, NoServer> {
        let started = Self::from_this_machine(kind, options).await;
        started.map_err(|failure| NoServer { kind, tried: vec![("programs of this machine", failure)] })
    }

    /// Starts a private server from programs of this machine, which is faster, or else in Docker.
    ///
    /// If the environment selects a folder of programs, Docker is skipped.
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

    /// Starts the server again at the same address.
    pub(crate) async fn start(&self) -> Result<(), NoServer> {
        let started = match &self.source {
            Source::Environment => Err(Failure::NotOurs),
            Source::Docker(container) => container.start().await,
            Source::Local(local) => local.start().await,
        };
        started.map_err(|failure| NoServer { kind: self.kind, tried: vec![("starting it again", failure)] })
    }

    /// Shuts the server down cleanly.
    pub(crate) async fn stop(&self) -> Result<(), NoServer> {
        let stopped = match &self.source {
            Source::Environment => Err(Failure::NotOurs),
            Source::Docker(container) => container.stop().await,
            Source::Local(local) => local.stop().await,
        };
        stopped.map_err(|failure| NoServer { kind: self.kind, tried: vec![("stopping it", failure)] })
    }

    /// Kills the server, as a crash would.
    pub(crate) async fn kill(&self) -> Result<(), NoServer> {
        let killed = match &self.source {
            Source::Environment => Err(Failure::NotOurs),
            Source::Docker(container) => container.kill().await,
            Source::Local(local) => local.kill().await,
        };
        killed.map_err(|failure| NoServer { kind: self.kind, tried: vec![("killing it", failure)] })
    }

    /// Freezes the server, which must run from programs of this machine.
    pub(crate) async fn pause(&self) -> Result<(), NoServer> {
        self.local_order("pausing it", async |local| local.pause().await).await
    }

    /// Resumes a frozen server.
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

    /// Returns the folder of a server that runs from programs of this machine; `None` for others.
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

/// Returns these options with TLS on the usual port, and another port without TLS for the test's own commands.
pub(crate) fn over_tls_and_plain(certificate: &ServerCertificate, options: &[&str]) -> (ServerOptions, u16) {
    let plain = or_fail(free_port().map_err(|failure| NoServer { kind: &REDIS, tried: vec![("a port", failure)] }));
    let port = ["--port".to_owned(), plain.to_string()];
    let more_options = options.iter().copied().map(str::to_owned).chain(port).collect();
    (ServerOptions { more_options, ..ServerOptions::over_tls(certificate) }, plain)
}

/// Returns the value, or fails the test that has no server.
#[expect(clippy::panic, reason = "a test without its server must fail, and its reader must see why")]
pub(crate) fn or_fail<T>(result: Result<T, NoServer>) -> T {
    result.unwrap_or_else(|no_server| panic!("{no_server}"))
}
