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
        let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        match password {
            "" => refused("it is empty"),
            password if password.contains('\0') => refused("it holds a NUL byte, which Postgres cannot take"),
            password => Ok(password.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_read_anew_and_without_the_line_break_at_its_end() {
        let path = std::env::temp_dir().join(format!("password-{}", uuid::Uuid::new_v4()));
        let file = PasswordFile::new(path.clone());
        assert_eq!(file.read().await.unwrap_err().kind(), io::ErrorKind::NotFound);
        for (text, password) in
            [("one", "one"), ("two\n", "two"), ("three\r\n", "three"), ("two\nlines\n\n", "two\nlines\n"), ("\r", "\r")]
        {
            std::fs::write(&path, text).unwrap();
            assert_eq!(file.read().await.unwrap(), password);
        }
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(file.read().await.unwrap_err().to_string(), "it is empty");
        std::fs::remove_file(path).unwrap();
    }
}
