//! Errors of finding, starting and stopping servers.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Output;

use testcontainers::TestcontainersError;

use crate::kind::{Kind, Offer};

/// Error: no server is available for the tests. The message lists the attempts, and the ways to provide a server.
#[derive(thiserror::Error)]
pub struct NoServer {
    pub(crate) kind: &'static Kind,
    pub(crate) tried: Vec<(&'static str, Failure)>,
}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kind { name, offer, programs, folder_variable, .. } = self.kind;
        write!(f, "no {name} for the tests. Tried:")?;
        for (what, failure) in &self.tried {
            write!(f, "\n  - {what}: {failure}")?;
        }
        write!(f, "\nAny of these gives one:")?;
        if let Some(Offer { url_variable, image_variable, image, .. }) = offer {
            write!(f, "\n  - a URL in {url_variable} (it cannot be stopped and started)")?;
            write!(f, "\n  - a running Docker engine that has the image {image} (or the one named by {image_variable})")?;
        }
        write!(f, "\n  - the programs {} in PATH, or in the folder named by {folder_variable}", programs.join(", "))
    }
}

/// Prints the message of `Display`, since a test that unwraps the error prints this form.
impl fmt::Debug for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Failure of one way to get or control a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no URL or image is defined for this kind of server")]
    NoOffer,
    #[error("{variable} is not set")]
    NotSet { variable: &'static str },
    #[error("{programs} are neither in PATH nor in {elsewhere}")]
    NoPrograms { programs: String, elsewhere: &'static str },
    #[error("{programs} are not in {}, the folder in {variable}", folder.display())]
    NotInFolder { programs: String, folder: PathBuf, variable: &'static str },
    #[error("the server was not started by this test, so it cannot be stopped and started")]
    NotOurs,
    #[error("only a server that was started from local programs can be paused")]
    NotLocal,
    #[error("{doing}: {source}")]
    Io { doing: &'static str, source: io::Error },
    #[error("the server exited; its log: {log}")]
    Ended { log: String },
    #[error("the server did not start or stop in time; its log: {log}")]
    Slow { log: String },
    #[error("`docker image inspect {image}`: {answer}")]
    NoImage { image: String, answer: String },
    #[error(transparent)]
    Container(#[from] TestcontainersError),
}

impl Failure {
    /// Returns a function that adds the operation to an I/O error.
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }

    /// Returns the failure for a Docker that has no image or no engine.
    pub(crate) fn no_image(image: &str, output: &Output) -> Self {
        let answer = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Self::NoImage { image: image.to_owned(), answer }
    }
}
