//! Settable clock for a server process.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

/// Folder in which Debian keeps the library, for any architecture.
const LIBRARIES: &str = "/usr/lib";
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// Wall clock of a process, offset from the machine's by some seconds. Timers of the process follow the machine's clock.
///
/// It needs the library of the package `faketime`.
#[derive(Clone, Debug)]
pub struct Clock {
    folder: Arc<TempDir>,
    library: PathBuf,
}

#[expect(clippy::expect_used, clippy::panic, reason = "a test without its clock must fail")]
impl Clock {
    /// Returns a clock that shows the machine's time.
    ///
    /// # Panics
    /// If the library is missing; the message says how to get it.
    #[must_use]
    pub fn right() -> Self {
        let machines = fs::read_dir(LIBRARIES).into_iter().flatten().flatten();
        let library = machines.map(|machine| machine.path().join(LIBRARY)).find(|library| library.is_file());
        let library = library.unwrap_or_else(|| panic!("{LIBRARY} is missing: install the package faketime"));
        let folder = TempDir::new().expect("a temporary folder");
        // The user that the server runs as must be able to read it.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a folder of our own");
        let clock = Self { folder: Arc::new(folder), library };
        clock.set(0);
        clock
    }

    /// Sets the clock this many seconds ahead of the machine's, or behind if negative.
    ///
    /// # Panics
    /// If the file with the offset of the clock cannot be written.
    pub fn set(&self, ahead_s: i64) {
        // Replaced by a rename, so that no process reads a half-written time.
        let (file, new) = (self.file(), self.folder.path().join("new"));
        fs::write(&new, format!("{ahead_s:+}\n")).and_then(|()| fs::rename(&new, &file)).expect("a file in our own folder");
    }

    /// Returns the environment variables of a process that uses this clock.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", shown(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", shown(&self.file())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Returns the words before a command that make it use this clock.
    pub(crate) fn words(&self) -> Vec<String> {
        let variables = self.variables().into_iter().map(|(variable, value)| format!("{variable}={value}"));
        ["env".to_owned()].into_iter().chain(variables).collect()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
