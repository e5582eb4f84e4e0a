//! Server in a Docker container, if an engine runs and has the image.

use std::env;
use std::time::Duration;

use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt, TestcontainersError};
use tokio::process::{ChildStdin, Command};
use tokio::time::{sleep, timeout};

use crate::error::Failure;
use crate::keeper::keep_container;
use crate::kind::{Kind, Offer, Stream};
use crate::local::free_port;
use crate::options::ServerOptions;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const READY_WITHIN: Duration = Duration::from_secs(60);
const TLS_FOLDER: &str = "/tls";
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Server that runs in a container.
#[derive(Debug)]
pub(crate) struct Container {
    kind: &'static Kind,
    offer: &'static Offer,
    container: ContainerAsync<GenericImage>,
    _keeper: ChildStdin,
}

impl Container {
    /// Starts a container and returns it, its host and its port.
    pub(crate) async fn start_new(kind: &'static Kind, options: &ServerOptions) -> Result<(Self, String, u16), Failure> {
        let offer = kind.offer.as_ref().ok_or(Failure::NoOffer)?;
        let image = env::var(offer.image_variable).unwrap_or_else(|_| offer.image.to_owned());
        inspect(&image).await?;
        let (name, tag) = name_and_tag(&image);
        // A port that Docker chooses would change when the container is started again.
        let port = free_port()?;
        let server = offer.command.iter().copied().map(str::to_owned).chain(options.arguments(kind, TLS_FOLDER, offer.port));
        let mut command = options.words_before(TLS_FOLDER, offer.owner);
        if !command.is_empty() {
            // Entry point of the image. It would otherwise take the script for a program that does not run as the server's
            // user.
            command.push("docker-entrypoint.sh".to_owned());
        }
        command.extend(server);
        let mut request = GenericImage::new(name, tag)
            .with_exposed_port(offer.port.tcp())
            .with_wait_for(ready_message(kind, offer))
            .with_mapped_port(port, offer.port.tcp())
            .with_startup_timeout(READY_WITHIN)
            .with_cmd(command);
        for (variable, value) in offer.env {
            request = request.with_env_var(*variable, *value);
        }
        let container = request.start().await?;
        let keeper = keep_container(container.id())?;
        let host = container.get_host().await?.to_string();
        Ok((Self { kind, offer, container, _keeper: keeper }, host, port))
    }

    /// Starts the container again, on the same port; returns when the server accepts connections.
    pub(crate) async fn start(&self) -> Result<(), Failure> {
        let starts = self.starts().await?;
        self.container.start().await?;
        let ready = async {
            while self.starts().await? == starts {
                sleep(LOOK_EVERY).await;
            }
            Ok(())
        };
        timeout(READY_WITHIN, ready).await.unwrap_or_else(|_| Err(Failure::Slow { log: "see `docker logs`".to_owned() }))
    }

    /// Shuts the server down cleanly.
    pub(crate) async fn stop(&self) -> Result<(), Failure> {
        Ok(self.container.stop().await?)
    }

    /// Kills the server, as a crash would.
    pub(crate) async fn kill(&self) -> Result<(), Failure> {
        Ok(self.container.stop_with_timeout(Some(0)).await?)
    }

    /// Returns the number of times that the log reports the server as ready.
    async fn starts(&self) -> Result<usize, TestcontainersError> {
        let log = match self.offer.log {
            Stream::Stdout => self.container.stdout_to_vec().await?,
            Stream::Stderr => self.container.stderr_to_vec().await?,
        };
        Ok(String::from_utf8_lossy(&log).matches(self.kind.ready).count())
    }
}

/// Checks that an engine runs and has the image, so that a test run never pulls one.
async fn inspect(image: &str) -> Result<(), Failure> {
    let mut command = Command::new("docker");
    command.args(["image", "inspect", image]).kill_on_drop(true);
    match timeout(ANSWER_WITHIN, command.output()).await {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(Failure::no_image(image, &output)),
        Ok(Err(source)) => Err(Failure::io("running the program docker")(source)),
        Err(_) => Err(Failure::NoImage { image: image.to_owned(), answer: "no answer".to_owned() }),
    }
}

fn ready_message(kind: &Kind, offer: &Offer) -> WaitFor {
    match offer.log {
        Stream::Stdout => WaitFor::message_on_stdout(kind.ready),
        Stream::Stderr => WaitFor::message_on_stderr(kind.ready),
    }
}

/// Splits an image into its name and tag. A colon may also precede the port of a registry.
fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::name_and_tag;

    #[test]
    fn an_image_is_a_name_and_a_tag() {
        assert_eq!(name_and_tag("redis:7"), ("redis", "7"));
        assert_eq!(name_and_tag("redis"), ("redis", "latest"));
        assert_eq!(name_and_tag("registry:5000/redis"), ("registry:5000/redis", "latest"));
        assert_eq!(name_and_tag("registry:5000/redis:8"), ("registry:5000/redis", "8"));
    }
}
