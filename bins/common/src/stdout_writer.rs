//! Writer of whole lines to stdout that never blocks, even if the reader is slow or gone.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::Failure;

/// Maximum number of lines that wait for a slow reader; further lines are lost.
const QUEUED_LINES: usize = 1024;

/// Queue of lines for stdout. Cheap to clone; the lines of all clones are written in their order, each in one piece.
#[derive(Clone, Debug)]
pub struct StdoutWriter(SyncSender<Entry>);

#[derive(Debug)]
enum Entry {
    Line(String),
    Flush(SyncSender<()>),
}

impl StdoutWriter {
    /// Returns a writer to stdout.
    ///
    /// # Errors
    /// [`Failure::System`] if no thread can be started.
    pub fn stdout() -> Result<Self, Failure> {
        Self::to(std::io::stdout())
    }

    /// Returns a writer to any sink. Errors of the sink are ignored.
    ///
    /// # Errors
    /// [`Failure::System`] if no thread can be started.
    pub fn to(sink: impl Write + Send + 'static) -> Result<Self, Failure> {
        let (sender, receiver) = sync_channel(QUEUED_LINES);
        std::thread::Builder::new()
            .name("lines".into())
            .spawn(move || write_all(&receiver, sink))
            .map_err(|source| Failure::System { what: "starting a thread", source })?;
        Ok(Self(sender))
    }

    /// Prints a text, which may have several lines, and a line feed. Returns false if the text is lost because the queue is full.
    pub fn print(&self, text: impl Into<String>) -> bool {
        let mut line = text.into();
        line.push('\n');
        self.0.try_send(Entry::Line(line)).is_ok()
    }

    /// Prints a last text and waits until it is written, however slow the reader is.
    pub fn finish(&self, text: impl Into<String>) {
        let mut line = text.into();
        line.push('\n');
        let (done, written) = sync_channel(1);
        if self.0.send(Entry::Line(line)).and_then(|()| self.0.send(Entry::Flush(done))).is_ok() {
            let _ = written.recv();
        }
    }

    /// Waits until all printed text is written, but no longer than `patience`.
    pub fn flush(&self, patience: Duration) {
        let (done, written) = sync_channel(1);
        if self.0.try_send(Entry::Flush(done)).is_ok() {
            let _ = written.recv_timeout(patience);
        }
    }
}

fn write_all(entries: &Receiver<Entry>, mut sink: impl Write) {
    for entry in entries {
        match entry {
            Entry::Line(line) => _ = sink.write_all(line.as_bytes()).and_then(|()| sink.flush()),
            Entry::Flush(done) => _ = done.send(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::testing::Kept;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn lines_leave_in_order() {
        let kept = Kept::default();
        let lines = StdoutWriter::to(kept.clone()).unwrap();
        lines.print("one");
        lines.clone().print("two");
        assert_eq!(kept.text(&lines), "one\ntwo\n");
    }

    #[test]
    fn a_closed_or_stalled_stdout_does_not_block_writers() {
        let closed = StdoutWriter::to(Closed).unwrap();
        let (asleep, _pipe) = io::pipe().map(|(reader, writer)| (StdoutWriter::to(writer).unwrap(), reader)).unwrap();
        for _ in 0..4 * QUEUED_LINES {
            closed.print("x".repeat(1000));
            asleep.print("x".repeat(1000));
        }
        closed.flush(Duration::from_secs(10));
    }
}
