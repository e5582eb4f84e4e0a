//! Keeper: a shell process that owns a server, so that no process or file stays behind.
//!
//! The kernel closes the keeper's stdin when the test process ends, even if that is killed; then the keeper stops the server
//! and removes its folder.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::error::Failure;
use crate::kind::Kind;

const SCRIPT: &str = include_str!("scripts/keeper.sh");
const READY_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// Handle of a keeper. Dropping it ends the server.
#[derive(Debug)]
pub(crate) struct Keeper {
    kind: &'static Kind,
    folder: PathBuf,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Keeper {
    /// Returns a keeper for a server that this command runs in a new folder. The server is not started yet.
    pub(crate) fn new(kind: &'static Kind, command: impl FnOnce(&Path) -> Vec<String>) -> Result<Self, Failure> {
        let folder =
            tempfile::Builder::new().prefix(kind.folder_prefix).tempdir().map_err(Failure::io("making a temporary folder"))?;
        let mut keeper = Command::new("sh");
        keeper.args(["-c", SCRIPT, "keeper", kind.end_signal]).args(command(folder.path()));
        keeper.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        // In a process group of its own, so that an interrupt from the terminal leaves it time to clean up.
        keeper.process_group(0);
        let metadata = folder.path().metadata().map_err(Failure::io("looking at the temporary folder"))?;
        if let Some((user, group)) = stand_in_for_root(&metadata) {
            chown(folder.path(), Some(user), Some(group)).map_err(Failure::io("giving the temporary folder away"))?;
            keeper.uid(user).gid(group);
        }
        let mut child = keeper.spawn().map_err(Failure::io("starting a shell"))?;
        let (orders, answers) = child.stdin.take().zip(child.stdout.take()).ok_or_else(no_pipes)?;
        Ok(Self { kind, folder: folder.keep(), orders, answers: BufReader::new(answers).lines() })
    }

    /// Returns the folder that the server runs in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the server; returns when it accepts connections.
    pub(crate) async fn start(&mut self) -> Result<(), Failure> {
        self.order("start").await?;
        let ready = async {
            // Before this answer the log may be that of an earlier start.
            self.answer("starting").await?;
            while !log_of(&self.folder).contains(self.kind.ready) {
                if timeout(LOOK_EVERY, self.answer("ended")).await.is_ok() {
                    return Err(Failure::Ended { log: log_of(&self.folder) });
                }
            }
            Ok(())
        };
        let ready = timeout(READY_WITHIN, ready).await;
        ready.unwrap_or_else(|_| Err(Failure::Slow { log: log_of(&self.folder) }))
    }

    /// Shuts the server down cleanly; returns when it has ended.
    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        self.end_by(self.kind.stop_signal).await
    }

    /// Kills the server, as a crash would; returns when it has ended.
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        self.end_by(self.kind.end_signal).await
    }

    /// Freezes the server: the kernel still acknowledges what is sent to it, but the server does not answer.
    pub(crate) async fn pause(&mut self) -> Result<(), Failure> {
        self.order("STOP").await?;
        self.answer("done").await
    }

    /// Resumes a frozen server.
    pub(crate) async fn resume(&mut self) -> Result<(), Failure> {
        self.order("CONT").await?;
        self.answer("done").await
    }

    async fn end_by(&mut self, signal: &str) -> Result<(), Failure> {
        self.order(signal).await?;
        let ended = timeout(STOPPED_WITHIN, self.answer("ended")).await;
        ended.unwrap_or_else(|_| Err(Failure::Slow { log: log_of(&self.folder) }))
    }

    async fn order(&mut self, word: &str) -> Result<(), Failure> {
        self.orders.write_all(format!("{word}\n").as_bytes()).await.map_err(Failure::io("talking to the keeper"))
    }

    /// Waits for this answer and discards earlier ones.
    async fn answer(&mut self, word: &str) -> Result<(), Failure> {
        let listening = Failure::io("listening to the keeper");
        loop {
            match self.answers.next_line().await {
                Ok(Some(answer)) if answer == word => return Ok(()),
                Ok(Some(_)) => {}
                Ok(None) => return Err(listening(io::ErrorKind::UnexpectedEof.into())),
                Err(error) => return Err(listening(error)),
            }
        }
    }
}

/// Starts a keeper for a container, which removes the container when the returned stdin is closed.
pub(crate) fn keep_container(id: &str) -> Result<ChildStdin, Failure> {
    let mut keeper = Command::new("sh");
    keeper.args(["-c", r#"cat; exec docker rm --force --volumes "$1""#, "keeper", id]);
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = keeper.spawn().map_err(Failure::io("starting a shell"))?;
    child.stdin.take().ok_or_else(no_pipes)
}

/// Returns the user and group to run a server as if this process runs as root, since Postgres refuses to run as root.
fn stand_in_for_root(own: &Metadata) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids_of = |name: &str| {
        let mut fields = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    if own.uid() != 0 {
        return None;
    }
    ids_of("postgres").or_else(|| ids_of("nobody"))
}

fn log_of(folder: &Path) -> String {
    let log = fs::read(folder.join("log")).unwrap_or_default();
    String::from_utf8_lossy(&log).into_owned()
}

fn no_pipes() -> Failure {
    Failure::io("starting a shell")(io::Error::other("it has no pipes"))
}
