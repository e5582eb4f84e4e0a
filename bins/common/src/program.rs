//! From the end of a program's work to its exit code.

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use crate::Failure;

/// How long threads that are still busy may delay the end.
const GRACE: Duration = Duration::from_millis(500);

/// Runs a program to its end; a failure becomes one line on stderr and its exit code.
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
            // Where stderr is closed, the exit code alone must say it.
            let _ = writeln!(std::io::stderr(), "{name}: {}", one_line(&failure.to_string()));
            ExitCode::from(failure.code())
        }
    }
}

/// Servers like to answer in several lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
