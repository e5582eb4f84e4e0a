//! Wake-up notifications: one connection that listens for all streams of a membership.
//!
//! They are hints. The connection is replaced when it gives no answer, and everyone is woken up then, since some may have been lost.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use scaler_core::wire::read_wake_up;
use scaler_core::{StoreError, WakeUp};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::runtime::Builder;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::Pooler;
use crate::connection::Link;

const DURING: &str = "listening for wake-up notifications";
/// Notifications kept for each stream. A stream that falls further behind receives [`WakeUp::Everyone`].
const WAKE_UPS_KEPT: usize = 64;
/// Time without a notification after which the connection is probed, and interval of looking behind a pooler.
const PROBE_AFTER: Duration = Duration::from_secs(1);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Streams of wake-up notifications, and the task that feeds them.
#[derive(Debug)]
pub(crate) struct WakeUps {
    link: Arc<Link>,
    sender: broadcast::Sender<WakeUp>,
    /// Task that listens. It is started when a stream is polled for the first time, and ends when this is dropped.
    listener: Mutex<JoinSet<()>>,
}

impl WakeUps {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link, sender: broadcast::Sender::new(WAKE_UPS_KEPT), listener: Mutex::default() }
    }

    /// Returns a stream of the notifications from now on. It ends when this is dropped.
    pub(crate) fn stream(self: &Arc<Self>) -> BoxStream<'static, WakeUp> {
        let next = |(wake_ups, mut receiver): (Weak<Self>, broadcast::Receiver<WakeUp>)| async move {
            if let Some(wake_ups) = wake_ups.upgrade() {
                wake_ups.start();
            }
            match receiver.recv().await {
                Ok(wake_up) => Some((wake_up, (wake_ups, receiver))),
                Err(RecvError::Lagged(_)) => Some((WakeUp::Everyone, (wake_ups, receiver))),
                Err(RecvError::Closed) => None,
            }
        };
        stream::unfold((Arc::downgrade(self), self.sender.subscribe()), next).boxed()
    }

    /// Starts the task, unless it runs.
    fn start(&self) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.is_empty() {
            let (link, sender) = (Arc::clone(&self.link), self.sender.clone());
            listener.spawn(async move {
                match link.pooler() {
                    Pooler::None => listen_forever(&link, &sender).await,
                    Pooler::Transaction => look_forever(&link, &sender).await,
                }
            });
        }
    }
}

/// Opens one connection after the other, and passes on what it hears.
async fn listen_forever(link: &Link, sender: &broadcast::Sender<WakeUp>) {
    let mut wait = FIRST_WAIT;
    loop {
        // The reason of a failure is not reported: every call meets it, too.
        if let Ok(listener) = Listener::open(link).await {
            wait = FIRST_WAIT;
            send(sender, WakeUp::Everyone);
            listener.forward(sender).await;
        }
        sleep(wait + wait.mul_f64(fastrand::f64())).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Looks once a second whether there were notifications: behind a pooler, none are delivered.
async fn look_forever(link: &Link, sender: &broadcast::Sender<WakeUp>) {
    let mut last: Option<(i64, i64)> = None;
    loop {
        // While Postgres is away, the counts that were read last stay: if they differ afterwards, notifications were missed.
        if let Ok(counts) = link.row(DURING, sqlx::query_as(&link.sql().wake_ups)).await {
            match last.replace(counts) {
                Some(last) if last == counts => {}
                Some((_, of_others)) if of_others == counts.1 => send(sender, WakeUp::Members),
                Some(_) | None => send(sender, WakeUp::Everyone),
            }
        }
        sleep(PROBE_AFTER).await;
    }
}

fn send(sender: &broadcast::Sender<WakeUp>, wake_up: WakeUp) {
    // Without a stream, sending fails, and that is no error here.
    drop(sender.send(wake_up));
}

/// Connection that listens.
struct Listener {
    /// Present until this is dropped.
    connection: Option<PgListener>,
    /// Maximum time for an answer to a probe.
    limit: Duration,
}

impl Listener {
    async fn open(link: &Link) -> Result<Self, StoreError> {
        // Finds the host that takes writes, and waits its turn if the server is full.
        let _: (i32,) = link.row(DURING, sqlx::query_as("select 1")).await?;
        let options = link.best_host(DURING).await?;
        let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).connect_lazy_with(options);
        let connection = link.wait(DURING, PgListener::connect_with(&pool)).await?;
        let limit = link.command_timeout().saturating_sub(PROBE_AFTER);
        let mut listener = Self { connection: Some(connection), limit };
        if let Some(connection) = &mut listener.connection {
            connection.eager_reconnect(false);
            link.wait(DURING, connection.listen(link.sql().group.channel())).await?;
        }
        Ok(listener)
    }

    /// Passes on the notifications until the connection is lost or gives no answer.
    async fn forward(mut self, sender: &broadcast::Sender<WakeUp>) {
        let Some(connection) = &mut self.connection else { return };
        loop {
            match timeout(PROBE_AFTER, connection.try_recv()).await {
                Ok(Ok(Some(notification))) => send(sender, read_wake_up(notification.payload())),
                Ok(Ok(None) | Err(_)) => return,
                Err(_) => match timeout(self.limit, sqlx::raw_sql("select 1").execute(&mut *connection)).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(_)) | Err(_) => return,
                },
            }
        }
    }
}

impl Drop for Listener {
    /// Closes the connection at once. The library would spawn a task that sends `UNLISTEN` and waits for the answer, of a server that vanished
    /// for a quarter of an hour. That task is spawned on a runtime that ends here.
    fn drop(&mut self) {
        // Without such a runtime, the connection is closed later.
        if let Ok(runtime) = Builder::new_current_thread().build() {
            let entered = runtime.enter();
            drop(self.connection.take());
            drop(entered);
            runtime.shutdown_background();
        }
    }
}
