//! A server of either kind, wherever it comes from.

use std::env;

use crate::docker::Container;
use crate::error::{Failure, NoServer};
use crate::kind::Kind;
use crate::local::Local;

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
    /// Any server: of the environment, of Docker, of this machine.
    pub(crate) async fn find(kind: &'static Kind) -> Result<Self, NoServer> {
        let by_url = match Self::from_environment(kind) {
            Ok(server) => return Ok(server),
            Err(failure) => (kind.url_variable, failure),
        };
        let by_docker = match Self::from_docker(kind, &[]).await {
            Ok(server) => return Ok(server),
            Err(failure) => ("Docker", failure),
        };
        let by_programs = match Self::from_this_machine(kind, &[]).await {
            Ok(server) => return Ok(server),
            Err(failure) => ("programs of this machine", failure),
        };
        Err(NoServer { kind, tried: vec![by_url, by_docker, by_programs] })
    }

    /// A server of its own: of this machine, which is faster, or of Docker.
    pub(crate) async fn private(kind: &'static Kind, options: &[String]) -> Result<Self, NoServer> {
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

    fn from_environment(kind: &'static Kind) -> Result<Self, Failure> {
        let url = env::var(kind.url_variable).ok().filter(|url| !url.is_empty()).ok_or(Failure::NotSet)?;
        Ok(Self { kind, place: Place::Url(url), source: Source::Environment })
    }

    async fn from_docker(kind: &'static Kind, options: &[String]) -> Result<Self, Failure> {
        let (container, host, port) = Container::start_new(kind, options).await?;
        Ok(Self { kind, place: Place::Address { host, port }, source: Source::Docker(Box::new(container)) })
    }

    async fn from_this_machine(kind: &'static Kind, options: &[String]) -> Result<Self, Failure> {
        let (local, port) = Local::start_new(kind, options).await?;
        let place = Place::Address { host: "127.0.0.1".to_owned(), port };
        Ok(Self { kind, place, source: Source::Local(Box::new(local)) })
    }
}

/// Ends the test that needs a server and has none.
#[expect(clippy::panic, reason = "a test without its server must fail, and its reader must see why")]
pub(crate) fn or_fail<T>(result: Result<T, NoServer>) -> T {
    result.unwrap_or_else(|no_server| panic!("{no_server}"))
}
