//! Errors: of opening a file, and of calls.

use std::path::PathBuf;

use scaler_core::{KeyType, SlotCount, StoreError};

/// Error of opening a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has opened the file.
    #[error("{path}: another process has opened this file; stop that, or choose another file")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is no SQLite database, or one of another program.
    #[error("{path}: not a file of this program; choose another file")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was created with other settings.
    #[error("{path}: has {slots} slots, {key} keys and ticks of {tick_ms} ms; use these settings, or choose another file")]
    OtherLayout {
        /// The file.
        path: PathBuf,
        /// Its number of slots.
        slots: SlotCount,
        /// Its type of keys.
        key: KeyType,
        /// Length of its ticks, in milliseconds.
        tick_ms: u64,
    },
    /// The file cannot be opened or read.
    #[error("{path}: cannot be used: {source}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Error of SQLite.
        source: sqlx::Error,
    },
}

/// Primary result code of SQLite's error (<https://www.sqlite.org/rescode.html>); `None` if the error is not SQLite's.
pub(crate) fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

pub(crate) const BUSY: i32 = 5;
pub(crate) const LOCKED: i32 = 6;
pub(crate) const READ_ONLY: i32 = 8;
pub(crate) const CORRUPT: i32 = 11;
pub(crate) const CANNOT_OPEN: i32 = 14;
pub(crate) const CONSTRAINT: i32 = 19;
pub(crate) const NOT_A_DATABASE: i32 = 26;

/// Returns the error of a call. A transaction whose commit fails is rolled back, so that no outcome is unknown.
pub(crate) fn failed(during: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| {
        let (code, source) = (code(&error), error.into());
        match code {
            Some(BUSY | LOCKED) => StoreError::Busy { during, source },
            Some(READ_ONLY | CANNOT_OPEN) => StoreError::Denied { during, source },
            Some(CORRUPT | NOT_A_DATABASE) => StoreError::Misshapen { during, source },
            Some(CONSTRAINT) => StoreError::Refused { during, source },
            _ => StoreError::Unavailable { during, source },
        }
    }
}
