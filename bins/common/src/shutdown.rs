//! The first signal asks a program to stop; the second one ends it at once.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::Failure;

/// The exit code after a second signal.
const KILLED: i32 = 130;

/// The same signal so soon again is an echo: timeout(1) and some shells send it both to us and to our group.
const ECHO: Duration = Duration::from_millis(200);

/// Whether the program has been asked to stop. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Listens for SIGTERM and SIGINT from now on. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When the operating system refuses to hand the signals over.
    pub fn on_signals() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|source| Failure::System { what: "listening for signals", source });
        let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let (asked, receiver) = watch::channel(false);
        tokio::spawn(async move {
            let mut next = async || tokio::select! { _ = terminate.recv() => "SIGTERM", _ = interrupt.recv() => "SIGINT" };
            let first = next().await;
            tracing::info!("{first}: stopping; a second signal ends the process at once");
            asked.send_replace(true);
            let another = async { while next().await == first {} };
            if tokio::time::timeout(ECHO, another).await.is_err() {
                next().await;
            }
            tracing::warn!("a second signal: ended at once");
            std::process::exit(KILLED);
        });
        Ok(Self(receiver))
    }

    /// Completes when the first signal has come.
    pub async fn requested(&self) {
        if self.0.clone().wait_for(|asked| *asked).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }
}
