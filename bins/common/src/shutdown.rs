//! Shutdown by signals: the first asks the program to stop, the second ends it at once.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::Failure;

/// Exit code after a second signal.
const KILLED: i32 = 130;

/// Time within which the same signal counts once: timeout(1) and some shells send it both to the process and to its process group.
const ECHO: Duration = Duration::from_millis(200);

/// Request to stop the program, made by a signal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Listens for SIGTERM and SIGINT from now on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Failure::System`] if the operating system refuses a signal handler.
    pub fn on_signals() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|source| Failure::System { what: "listening for signals", source });
        let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let (asked, receiver) = watch::channel(false);
        tokio::spawn(async move {
            let mut next = async || tokio::select! { _ = terminate.recv() => "SIGTERM", _ = interrupt.recv() => "SIGINT" };
            let first = next().await;
            tracing::info!("{first} received: stopping; a second signal ends the process immediately");
            asked.send_replace(true);
            let another = async { while next().await == first {} };
            if tokio::time::timeout(ECHO, another).await.is_err() {
                next().await;
            }
            tracing::warn!("second signal received: the process ends immediately");
            std::process::exit(KILLED);
        });
        Ok(Self(receiver))
    }

    /// Waits until the first signal has arrived.
    pub async fn requested(&self) {
        if self.0.clone().wait_for(|asked| *asked).await.is_err() {
            // The sender is gone, so no request can come any more.
            std::future::pending::<()>().await;
        }
    }
}
