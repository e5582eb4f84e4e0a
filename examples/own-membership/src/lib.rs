//! A membership of one's own: the members of the processes of one machine, in a folder.
//!
//! It shows what an adapter of [`Membership`] needs: rules over a small state (`book.rs`), a place for it that all processes share, and
//! wake-up notifications, which may be lost. It passes `scaler_core::membership_suite!`.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use scaler_core::{Node, node::NodeStore};
//! # async fn example(store: impl NodeStore) -> Result<(), Box<dyn std::error::Error>> {
//! let members = Arc::new(own_membership::FolderMembership::open("/run/my-service".as_ref())?);
//! Node::builder(store).name("process-1").membership(members).run_until(std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```

mod book;
mod folder;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt};
use scaler_core::wire::{read_wake_up, write_wake_up};
use scaler_core::{InstallationId, Member, MemberKey, MemberRecord, Membership, MembershipError, Registration, WakeUp, WorkerId};

use book::{Book, Change};
use folder::{Folder, Reader};

/// Interval at which listeners look for notifications.
const POLL: Duration = Duration::from_millis(100);

/// Members in a folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FolderMembership(Arc<Folder>);

impl FolderMembership {
    /// Opens a folder, or creates it.
    ///
    /// # Errors
    /// If the folder cannot be created or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Folder::open(path)?)))
    }

    /// Changes the state while no other process reads or writes it. Files are read and written on a thread for that.
    async fn change<T: Send + 'static>(
        &self,
        during: &'static str,
        change: impl FnOnce(&mut Book, Duration) -> (T, Change) + Send + 'static,
    ) -> Result<T, MembershipError> {
        let folder = Arc::clone(&self.0);
        let work = move || {
            folder.change(|book| {
                let (answer, change) = change(book, now());
                (answer, (change == Change::News).then(|| write_wake_up(&WakeUp::Members)))
            })
        };
        run(during, work).await
    }
}

/// Returns the time since 1970.
#[expect(clippy::disallowed_methods, reason = "it is the membership's clock")]
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Runs work that may block. Cancelled, it goes on to its end, which is safe: every call may be repeated.
async fn run<T: Send + 'static>(
    during: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, MembershipError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten();
    done.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => MembershipError::Denied { during, source: error.into() },
        io::ErrorKind::InvalidData => MembershipError::Misshapen { during, source: error.into() },
        _ => MembershipError::Unavailable { during, source: error.into() },
    })
}

#[async_trait]
impl Membership for FolderMembership {
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError> {
        let member = member.clone();
        self.change("heartbeat", move |book, now| book.heartbeat(&member, now)).await
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        let member = member.clone();
        self.change("leave", move |book, _| ((), book.leave(&member))).await
    }

    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError> {
        self.change("members", |book, now| (book.members(now), Change::Nothing)).await
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        self.change("sweep", move |book, now| (book.sweep(now, older_than), Change::Nothing)).await
    }

    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        let workers = workers.clone();
        self.change("retire", move |book, _| (book.retire(installation, &workers), Change::Nothing)).await
    }

    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError> {
        self.change("retired", move |book, _| (book.retired(installation), Change::Nothing)).await
    }

    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError> {
        let (folder, message) = (Arc::clone(&self.0), write_wake_up(wake_up));
        run("wake_up", move || folder.change(|_| ((), Some(message)))).await
    }

    fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        let reader = self.0.reader();
        let next = async |mut reader: Reader| loop {
            tokio::time::sleep(POLL).await;
            // A folder that cannot be read may have had news.
            let (messages, back) = match run("wake_ups", move || Ok((reader.messages(), reader))).await {
                Ok(read) => read,
                Err(_) => return None,
            };
            reader = back;
            if !messages.is_empty() {
                return Some((stream::iter(messages.into_iter().map(|message| read_wake_up(&message))), reader));
            }
        };
        stream::unfold(reader, next).flatten().boxed()
    }
}
