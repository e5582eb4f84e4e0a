//! Password file, read again for each connection, so that the password may change while a program runs.

use std::io;
use std::path::{Path, PathBuf};

/// File that holds a password. One line break at its end (LF or CR LF) is not part of the password, since editors add it.
#[derive(Clone, Debug)]
pub(crate) struct PasswordFile(PathBuf);

impl PasswordFile {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) async fn read(&self) -> Result<String, io::Error> {
        let text = tokio::fs::read_to_string(&self.0).await?;
        let password = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
        if password.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty"));
        }
        Ok(password.to_owned())
    }
}
