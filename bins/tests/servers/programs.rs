//! A program of ours as a child process, and what it prints.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};

/// The output of a program so far.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Collects lines until the program closes its end; then the reader ends, too.
    fn collect(&self, source: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                lines.0.lock().unwrap().push(line);
            }
        })
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Option<String> {
        self.0.lock().unwrap().last().cloned()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn contain(&self, text: &str) -> bool {
        self.0.lock().unwrap().iter().any(|line| line.contains(text))
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    pub(crate) out: Lines,
    pub(crate) err: Lines,
    readers: Vec<JoinHandle<()>>,
}

/// The programs under test.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    ControlPlane,
    Worker,
    Tool,
    ChartSecrets,
}

impl Which {
    /// Returns the path. The first call builds all programs, as scripts/programs does: cargo builds the programs of a package only for its own tests.
    pub(crate) fn path(self) -> PathBuf {
        static FOLDER: OnceLock<PathBuf> = OnceLock::new();
        let folder = FOLDER.get_or_init(|| {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "--locked", "--workspace", "--all-features", "--bins", "--tests", "--profile"]);
            build.arg(if cfg!(debug_assertions) { "test" } else { "release" });
            build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
            assert!(build.status().unwrap().success(), "the programs cannot be built");
            let test = std::env::current_exe().unwrap();
            test.ancestors().nth(2).unwrap().to_owned()
        });
        folder.join(match self {
            Self::ControlPlane => "control-plane",
            Self::Worker => "worker",
            Self::Tool => "notifi-scaler",
            Self::ChartSecrets => "chart-secrets",
        })
    }
}

impl Program {
    /// Starts it with these variables and no others that it might heed.
    pub(crate) fn start(which: Which, words: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(which.path());
        command.args(words).env_clear().env("LISTEN", "off").envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (out, err) = (Lines::default(), Lines::default());
        let readers = vec![out.collect(child.stdout.take().unwrap()), err.collect(child.stderr.take().unwrap())];
        Self { child, out, err, readers }
    }

    /// Address of health, readiness and metrics.
    pub(crate) async fn address(&self) -> String {
        crate::system::eventually("it says where it listens", async || {
            let line = self.err.all().into_iter().find_map(|line| Some(line.split_once("on http://")?.1.to_owned()));
            line.ok_or_else(|| format!("{self:?}"))
        })
        .await
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, SIGSTOP and the like.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own, since not every machine has a program of that name.
        let command = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success(), "{command}");
    }

    /// Its exit code, once it has ended.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.try_wait().unwrap().map(|status| status.code().unwrap_or(-1))
    }

    /// Waits for its end, and until its last line is read.
    pub(crate) async fn ended(&mut self) -> i32 {
        let code = crate::system::eventually("the program ends", async || {
            self.exit_code().ok_or_else(|| format!("{:?}{:?}", self.out, self.err))
        })
        .await;
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        code
    }
}

/// Returns a server's response, head and body.
pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
