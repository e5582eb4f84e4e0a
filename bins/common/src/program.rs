//! Entry point of all programs: runtime, and exit code.

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use crate::Failure;

/// Maximum time that busy threads delay the exit.
const GRACE: Duration = Duration::from_millis(500);

/// Runs a program to its end and returns its exit code. A failure is also written to stderr, in one line.
pub fn run(name: &str, program: impl Future<Output = Result<(), Failure>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(program);
            runtime.shutdown_timeout(GRACE);
            ended
        }
        Err(source) => Err(Failure::System { what: "starting threads", source }),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Ignored: if stderr is closed, only the exit code shows the failure.
            let _ = writeln!(std::io::stderr(), "{name}: {}", one_line(&failure.to_string()));
            ExitCode::from(failure.code())
        }
    }
}

/// Joins the lines of a text: errors of servers often have several.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
