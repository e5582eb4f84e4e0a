//! Commands typed on a terminal.

use std::io::{BufRead, IsTerminal};

use notifi_scaler_common::Failure;
use tokio::sync::mpsc;

/// Maximum number of typed lines that wait.
const QUEUED_LINES: usize = 16;

/// True if stdin is a terminal.
#[must_use]
pub(super) fn is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Returns the lines typed from now on; `None` if stdin is not a terminal.
///
/// A separate thread reads them, because a blocking read must not delay the end of the program.
///
/// # Errors
/// [`Failure::System`] if no thread can be started.
pub(super) fn lines() -> Result<Option<mpsc::Receiver<String>>, Failure> {
    if !is_terminal() {
        return Ok(None);
    }
    let (typed, lines) = mpsc::channel(QUEUED_LINES);
    let read = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("typed".into()).spawn(read);
    thread.map_err(|source| Failure::System { what: "starting a thread", source })?;
    Ok(Some(lines))
}
