//! Programs of the system, run as pods run them, and their CPU time and memory as counted by the kernel.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::field::Failure;

/// Clock ticks per second in /proc.
const TICKS_PER_S: f64 = 100.0;

/// A control plane and workers, which end when this is dropped.
pub(crate) struct Programs {
    control: Child,
    workers: Vec<Child>,
    /// Pid of the postmaster; the field after it is the pid of the backend that serves the witness.
    postmaster: u32,
    witness: u32,
}

/// CPU seconds and megabytes of all processes of each kind together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) workers_s: f64,
    pub(crate) postgres_s: f64,
    pub(crate) control_s: f64,
    /// Peak so far.
    pub(crate) worker_mb: f64,
    pub(crate) control_mb: f64,
}

impl Programs {
    pub(crate) fn start(postgres: &str, redis: &str, workers: u32, commit: &str, witness: u32) -> Result<Self, Failure> {
        let start = |program: &str, name: &str| -> Result<Child, Failure> {
            let path = beside_this(program)?;
            let mut command = Command::new(&path);
            command.env_clear().env("DATABASE_URL", postgres).env("REDIS_URL", redis).env("LISTEN", "off").env("LOG", "error");
            command.env("POD_NAME", name).stdin(Stdio::null()).stdout(Stdio::null());
            if program == "worker" {
                command.env("TICK_COMMIT", commit);
            }
            command.spawn().map_err(|error| format!("{}: {error}", path.display()).into())
        };
        let control = start("control-plane", "control-plane")?;
        let mut programs = Self { control, workers: Vec::new(), postmaster: parent_of(witness)?, witness };
        for number in 0..workers {
            programs.workers.push(start("worker", &format!("worker-{number}"))?);
        }
        Ok(programs)
    }

    /// Returns their cost until now.
    pub(crate) fn cost(&mut self) -> Result<Cost, Failure> {
        let mut cost = Cost { control_s: cpu_s(self.control.id())?, control_mb: peak_mb(self.control.id())?, ..Cost::default() };
        for worker in &self.workers {
            cost.workers_s += cpu_s(worker.id())?;
            cost.worker_mb += peak_mb(worker.id())?;
        }
        cost.postgres_s = postgres_s(self.postmaster)? - cpu_s(self.witness)?;
        Ok(cost)
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        for program in self.workers.iter_mut().chain([&mut self.control]) {
            // A program may have ended already.
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

impl Cost {
    pub(crate) fn since(self, before: &Self) -> Self {
        Self {
            workers_s: self.workers_s - before.workers_s,
            postgres_s: self.postgres_s - before.postgres_s,
            control_s: self.control_s - before.control_s,
            ..self
        }
    }
}

/// Returns the path of a program that was built together with this one.
fn beside_this(program: &str) -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name(program);
    if path.exists() { Ok(path) } else { Err(format!("{} is missing: scripts/bench builds it", path.display()).into()) }
}

/// Returns the fields of `/proc/<pid>/stat` of a process, from its state on; see proc(5).
fn fields(process: u32) -> Result<Vec<String>, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc has another form")?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

fn parent_of(process: u32) -> Result<u32, Failure> {
    Ok(fields(process)?.get(1).ok_or("/proc has another form")?.parse()?)
}

fn cpu_s(process: u32) -> Result<f64, Failure> {
    seconds(&fields(process)?, 11..13)
}

/// Returns the sum of some of the fields that count time, in seconds.
fn seconds(fields: &[String], which: std::ops::Range<usize>) -> Result<f64, Failure> {
    let mut ticks = 0.0;
    for field in fields.get(which).ok_or("/proc has another form")? {
        ticks += field.parse::<f64>()?;
    }
    Ok(ticks / TICKS_PER_S)
}

/// Returns the CPU time of all processes of Postgres, including those that have ended.
fn postgres_s(postmaster: u32) -> Result<f64, Failure> {
    let mut by_process = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end meanwhile.
        if parent_of(process).is_ok_and(|parent| parent == postmaster)
            && let Ok(seconds) = cpu_s(process)
        {
            by_process.insert(process, seconds);
        }
    }
    let own = fields(postmaster)?;
    Ok(by_process.values().sum::<f64>() + seconds(&own, 11..15)?)
}

fn peak_mb(process: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("/proc has another form")?;
    Ok(peak.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
