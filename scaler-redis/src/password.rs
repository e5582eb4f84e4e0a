//! The file of a password, read anew for each connection, so that a password may change while a program runs.

use std::io;
use std::path::{Path, PathBuf};

/// A file whose text is a password. One line feed at its end, or a carriage return and a line feed, is no part of it: editors put it there.
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
