//! `notifi-scaler optimize`: clusters the rows of each slot.

use std::io::{IsTerminal, Write};

use notifi_scaler_common::Failure;
use notifi_scaler_common::config::{PostgresArgs, WaitArgs};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use scaler_pg::{Optimized, Rewritten, Spread};

use super::open;

/// Width of the progress bar, in characters.
const CELLS: u32 = 30;

pub(super) async fn run(full: bool, args: &PostgresArgs, wait: &WaitArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let store = open(args, wait).await?;
    store.probe().await?;
    if full {
        lines.finish(told_of_rewrite(&store.rewrite().await?));
        return Ok(());
    }
    let shows = std::io::stderr().is_terminal();
    let done = store.optimize(|done| _ = shows.then(|| show(&bar(done)))).await?;
    if shows {
        show("\r\x1b[K");
    }
    lines.finish(told(&done));
    Ok(())
}

/// Writes a text to the terminal. Errors are ignored.
fn show(text: &str) {
    let mut terminal = std::io::stderr().lock();
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}

fn bar(done: &Optimized) -> String {
    let slots = done.slots.get();
    let full = u64::from(CELLS) * u64::from(done.looked_at) / u64::from(slots);
    let cells: String = (0..u64::from(CELLS)).map(|cell| if cell < full { '#' } else { '.' }).collect();
    format!("\r\x1b[K[{cells}] {} of {slots} slots, {} rows moved", done.looked_at, done.moved)
}

fn told(done: &Optimized) -> String {
    let mut told = match done.moved {
        0 => "no rows to move".to_owned(),
        moved => format!("{moved} rows moved"),
    };
    if done.before.slots > 0 {
        told.push_str(&format!(": the rows of a slot are in {} pages on average", each(&done.after, done.after.pages)));
        if done.moved > 0 {
            told.push_str(&format!(", {} before", each(&done.before, done.before.pages)));
        }
        told.push_str(&format!("; the minimum is {}", each(&done.after, done.after.least)));
    }
    if done.too_large > 0 {
        told.push_str(&format!("; {} slots skipped, because moving so many rows at once would block writers", done.too_large));
    }
    told
}

/// Formats the sizes of a table in megabytes of 10^6 bytes.
#[expect(clippy::cast_precision_loss, reason = "it is shown with one decimal")]
fn told_of_rewrite(done: &Rewritten) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!("table rewritten: {:.1} MB, {:.1} MB before", megabytes(done.after), megabytes(done.before))
}

/// Formats the mean number of pages per slot.
#[expect(clippy::cast_precision_loss, reason = "it is shown with one decimal")]
fn each(spread: &Spread, pages: u64) -> String {
    format!("{:.1}", pages as f64 / spread.slots.max(1) as f64)
}
