//! Files of the membership: its state, a lock, and the notifications.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::book::Book;

/// Size at which the file of notifications begins anew. Listeners that had not read all of it are told to look at everything.
const MOST_NOTIFICATIONS: u64 = 1 << 16;

/// Folder of the membership.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let folder = Self { path: path.to_owned() };
        folder.change(|_| ((), None))?;
        Ok(folder)
    }

    /// Changes the state, and appends a notification, while no other process does.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Book) -> (T, Option<String>)) -> io::Result<T> {
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(self.path.join("lock"))?;
        lock.lock()?;
        let mut book = self.read()?;
        let before = serde_json::to_vec(&book)?;
        let (answer, notification) = change(&mut book);
        let after = serde_json::to_vec(&book)?;
        if after != before {
            // A process that is killed here leaves the old state or the new one.
            fs::write(self.path.join("members.new"), after)?;
            fs::rename(self.path.join("members.new"), self.path.join("members.json"))?;
        }
        if let Some(notification) = notification {
            self.notify(&notification)?;
        }
        Ok(answer)
    }

    fn read(&self) -> io::Result<Book> {
        let path = self.path.join("members.json");
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                let what = format!("{} is not the state of a membership: {error}; remove the file to begin anew", path.display());
                io::Error::new(io::ErrorKind::InvalidData, what)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Book::default()),
            Err(error) => Err(error),
        }
    }

    fn notify(&self, message: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.notifications())?;
        if file.metadata()?.len() > MOST_NOTIFICATIONS {
            file.set_len(0)?;
        }
        file.write_all(format!("{message}\n").as_bytes())
    }

    fn notifications(&self) -> PathBuf {
        self.path.join("notifications")
    }

    /// Returns a reader of the notifications from now on.
    pub(crate) fn reader(&self) -> Reader {
        let path = self.notifications();
        let read_to = fs::metadata(&path).map_or(0, |file| file.len());
        Reader { path, read_to }
    }
}

/// Reader of notifications.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    read_to: u64,
}

impl Reader {
    /// Returns the messages since the last call, in order. After a failure, the messages say that some were lost.
    pub(crate) fn messages(&mut self) -> Vec<String> {
        self.read().unwrap_or_else(|_| vec!["lost".to_owned()])
    }

    fn read(&mut self) -> io::Result<Vec<String>> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        let begins_anew = file.metadata()?.len() < self.read_to;
        if begins_anew {
            self.read_to = 0;
        }
        file.seek(SeekFrom::Start(self.read_to))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // A line may be written just now.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read_to += whole as u64;
        let lost = begins_anew.then(|| "lost".to_owned());
        Ok(lost.into_iter().chain(text[..whole].lines().map(str::to_owned)).collect())
    }
}
