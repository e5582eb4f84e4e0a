//! A server in a container, where Docker runs and has the image.

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

/// A server that runs in a container.
#[derive(Debug)]
pub(crate) struct Container {
    kind: &'static Kind,
    offer: &'static Offer,
    container: ContainerAsync<GenericImage>,
    _keeper: ChildStdin,
}

impl Container {
    /// Starts one; it, its host and its port.
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
            // The image's own beginning, which would otherwise take our script for a program that needs no server's user.
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

    /// Starts it again, on the same port; returns when it takes connections.
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

    /// Stops it in good order.
    pub(crate) async fn stop(&self) -> Result<(), Failure> {
        Ok(self.container.stop().await?)
    }

    /// Stops it at once, as a crash would.
    pub(crate) async fn kill(&self) -> Result<(), Failure> {
        Ok(self.container.stop_with_timeout(Some(0)).await?)
    }

    /// How often its log says that it has become ready.
    async fn starts(&self) -> Result<usize, TestcontainersError> {
        let log = match self.offer.log {
            Stream::Stdout => self.container.stdout_to_vec().await?,
            Stream::Stderr => self.container.stderr_to_vec().await?,
        };
        Ok(String::from_utf8_lossy(&log).matches(self.kind.ready).count())
    }
}

/// Whether an engine runs and has the image: a test run should not begin to pull.
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

/// A colon may also stand before the port of a registry.
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
