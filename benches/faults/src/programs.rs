//! One of our programs as a process: starts it, sends signals, reads its output, requests its metrics.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::error::{PlayError, Result};
use crate::wait::eventually;

/// Number of lines that are kept of each output.
const KEPT_LINES: usize = 5_000;
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// Environment variables for a program.
pub type Variables = BTreeMap<String, String>;

/// One of our programs.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// `control-plane`.
    ControlPlane,
    /// `worker`.
    Worker,
    /// `notifi-scaler`.
    Tool,
}

/// Signal to a process.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Shut down gracefully.
    Term,
    /// Pause.
    Stop,
    /// Continue.
    Cont,
}

/// Running program, which is killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Lines that it logged.
    pub err: Lines,
}

impl Program {
    /// Starts the program with these environment variables and no others that it reads.
    ///
    /// # Errors
    /// If the program is not in the folder of the programs.
    pub fn start(which: Which, words: &[&str], variables: &Variables) -> Result<Self> {
        let path = path_of(which)?;
        let mut command = Command::new(path);
        command.args(words).env_clear().env("LISTEN", "127.0.0.1:0").env("PRINT_IDS", "10").envs(variables);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(PlayError::io("starting a program; `scripts/faults` builds them"))?;
        let err = Lines::default();
        if let Some(stderr) = child.stderr.take() {
            err.collect(stderr);
        }
        Ok(Self { child, err })
    }

    /// Sends SIGKILL and waits until the process has ended.
    ///
    /// # Errors
    /// If the operating system refuses the signal.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.map_err(PlayError::io("killing a program"))
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// If the process has ended.
    pub async fn signal(&self, signal: Signal) -> Result<()> {
        let name = match signal {
            Signal::Term => "TERM",
            Signal::Stop => "STOP",
            Signal::Cont => "CONT",
        };
        let pid = self.child.id().ok_or_else(|| PlayError::Unfit(format!("a program has ended: {:?}", self.err)))?;
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).status().await;
        let sent = sent.map_err(PlayError::io("sending a signal"))?;
        sent.success().then_some(()).ok_or_else(|| PlayError::Unfit(format!("kill -s {name} {pid}: {sent}")))
    }

    /// Waits until the process has ended and returns its exit code.
    ///
    /// # Errors
    /// If the process does not end.
    pub async fn ended(&mut self) -> Result<i32> {
        let waited = Duration::from_secs(60);
        let never = |_| PlayError::Never { waited, what: "the program ends".to_owned(), last: "it runs".to_owned() };
        let status = tokio::time::timeout(waited, self.child.wait()).await.map_err(never)?;
        Ok(status.map_err(PlayError::io("waiting for a program"))?.code().unwrap_or(-1))
    }

    /// Returns the address at which it listens first.
    ///
    /// # Errors
    /// If the program does not log an address.
    pub async fn address(&self) -> Result<String> {
        eventually(ANSWERS_WITHIN, "it says where it listens", async || {
            let line = self.err.find("on http://");
            Ok(line.and_then(|line| Some(line.split_once("on http://")?.1.to_owned())).ok_or("nothing yet"))
        })
        .await
    }

    /// Returns its HTTP answer at this path: head and body.
    ///
    /// # Errors
    /// If the program does not log its address, or does not answer.
    pub async fn get(&self, path: &str) -> Result<String> {
        let address = self.address().await?;
        let asking = PlayError::io("asking a program");
        let ask = async {
            let mut stream = TcpStream::connect(&address).await?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok(answer)
        };
        ask.await.map_err(asking)
    }

    /// Returns the sum over all labels of one of its metrics; 0 if it has no such metric.
    ///
    /// # Errors
    /// If the program does not answer.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let answer = self.get("/metrics").await?;
        let values = values_of(&answer, name);
        Ok(values.into_iter().map(|(_, value)| value).sum())
    }

    /// Returns an upper bound of this quantile of one of its histograms: the end of its bucket.
    ///
    /// # Errors
    /// If the program does not answer.
    pub async fn quantile_at_most(&self, name: &str, quantile: f64) -> Result<f64> {
        let answer = self.get("/metrics").await?;
        let count: f64 = values_of(&answer, &format!("{name}_count")).into_iter().map(|(_, value)| value).sum();
        let buckets = values_of(&answer, &format!("{name}_bucket"));
        let holding = buckets.iter().find(|(_, below)| *below >= count * quantile);
        let end = holding.and_then(|(label, _)| label.split('"').nth(1)?.parse().ok());
        Ok(end.unwrap_or(f64::INFINITY))
    }
}

/// Returns the labels and values of a metric, in order.
fn values_of<'a>(answer: &'a str, name: &str) -> Vec<(&'a str, f64)> {
    let values = answer.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (label, value) = rest.starts_with([' ', '{']).then(|| rest.rsplit_once(' '))??;
        Some((label, value.parse().ok()?))
    });
    values.collect()
}

/// Folder of the programs, set once.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Sets the folder of the programs. Only the first call has an effect.
pub fn lie_in(folder: PathBuf) {
    FOLDER.get_or_init(|| folder);
}

fn path_of(which: Which) -> Result<PathBuf> {
    let name = match which {
        Which::ControlPlane => "control-plane",
        Which::Worker => "worker",
        Which::Tool => "notifi-scaler",
    };
    let folder = FOLDER.get().ok_or_else(|| PlayError::Unfit("the folder of the programs is not set".to_owned()))?;
    Ok(folder.join(name))
}

/// Last lines that a program wrote.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<VecDeque<String>>>);

impl Lines {
    fn collect(&self, source: impl AsyncRead + Send + Unpin + 'static) {
        let lines = self.clone();
        tokio::spawn(async move {
            let mut source = BufReader::new(source).lines();
            while let Ok(Some(line)) = source.next_line().await {
                let mut kept = lines.0.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == KEPT_LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        });
    }

    /// Returns the last line that contains this text.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|line| line.contains(text)).cloned()
    }

    /// Returns the workers that a control plane suspected as dead or cut off, once for each time.
    #[must_use]
    pub fn taken_for_lost(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = |line: &&String| line.ends_with(" -> dead") || line.ends_with(" -> cut off");
        // "worker phase changed: worker-1: healthy -> dead", at the end of a line.
        let name = |line: &String| Some(line.rsplit_once(" -> ")?.0.rsplit_once(": ")?.0.rsplit(' ').next()?.to_owned());
        kept.iter().filter(lost).filter_map(name).collect()
    }

    /// Returns the number of lines that contain this text.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter(|line| line.contains(text)).count()
    }
}

/// Shows the last 12 lines.
impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = kept.len().saturating_sub(12);
        kept.iter().skip(shown).try_for_each(|line| write!(f, "\n  {line}"))
    }
}
