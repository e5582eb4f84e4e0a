//! Script of timed commands, such as `2.5s worker kill worker-1`. A `#` starts a comment.

use std::path::PathBuf;
use std::time::Duration;

use notifi_scaler_common::{Failure, USAGE};

use super::command::{BadCommand, Command};

/// Command with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Time, counted from the start.
    pub at: Duration,
    /// The command.
    pub command: Command,
}

/// Line that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Line number, from 1.
    pub line: usize,
    /// Parse error of the line.
    pub problem: BadStep,
}

/// Error of a script.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the file system.
        source: std::io::Error,
    },
    /// A line cannot be parsed.
    #[error("{path}:{line}: {problem}", path = path.display())]
    Line {
        /// Path of the file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Parse error of the line.
        problem: BadStep,
    },
}

impl From<ScriptError> for Failure {
    fn from(error: ScriptError) -> Self {
        Self::own(error, USAGE)
    }
}

/// Parse error of a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadStep {
    /// The line does not begin with a time.
    #[error("{0:?} is not a time such as 5s or 2.5s, of at most 86400s")]
    Time(String),
    /// No command follows the time.
    #[error("no command follows the time")]
    NoCommand,
    /// No valid command follows the time.
    #[error(transparent)]
    Command(#[from] BadCommand),
}

/// Maximum time of a step, in seconds: one day.
const LONGEST_S: f64 = 86_400.0;

/// Parses a script into its steps, in the order of their times.
///
/// # Errors
/// [`BadLine`] for the first line that cannot be parsed.
pub fn parse(text: &str) -> Result<Vec<Step>, BadLine> {
    let mut steps = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            steps.push(step(line).map_err(|problem| BadLine { line: number + 1, problem })?);
        }
    }
    steps.sort_by_key(|step| step.at);
    Ok(steps)
}

fn step(line: &str) -> Result<Step, BadStep> {
    let (time, command) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let seconds = time.strip_suffix('s').and_then(|seconds| seconds.parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| (0.0..=LONGEST_S).contains(seconds));
    let at = seconds.map(Duration::from_secs_f64).ok_or_else(|| BadStep::Time(time.to_owned()))?;
    if command.trim().is_empty() {
        return Err(BadStep::NoCommand);
    }
    Ok(Step { at, command: command.parse()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_in_the_order_of_their_times() {
        let script = "# a crash and a newcomer\n\n4s   workers add 1  # worker-4\n2.5s worker kill worker-1\n4s status\n";
        let steps = parse(script).unwrap();
        let shown: Vec<_> = steps.iter().map(|step| (step.at.as_millis(), step.command.clone())).collect();
        let kill = Command::KillWorker("worker-1".parse().unwrap());
        assert_eq!(shown, [(2500, kill), (4000, Command::AddWorkers(1)), (4000, Command::Status)]);
        assert_eq!(parse("# nothing\n"), Ok(vec![]));
    }

    #[test]
    fn a_bad_line_is_named_with_its_number() {
        for (script, line, problem) in [
            ("1s status\nsoon quit", 2, "\"soon\" is not a time such as 5s or 2.5s, of at most 86400s"),
            ("5 quit", 1, "\"5\" is not a time such as 5s or 2.5s, of at most 86400s"),
            ("-1s quit", 1, "\"-1s\" is not a time such as 5s or 2.5s, of at most 86400s"),
            ("NaNs quit", 1, "\"NaNs\" is not a time such as 5s or 2.5s, of at most 86400s"),
            ("1e300s quit", 1, "\"1e300s\" is not a time such as 5s or 2.5s, of at most 86400s"),
            ("\n\n5s # quit", 3, "no command follows the time"),
            ("5s dance", 1, "unknown command \"dance\"; `help` lists the commands"),
            ("5s items add -3", 1, "\"-3\" is not a number from 1 to 1000000"),
        ] {
            let bad = parse(script).unwrap_err();
            assert_eq!((bad.line, bad.problem.to_string()), (line, problem.to_owned()));
        }
    }
}
