//! Identifiers and counters. Text is validated when it is parsed; a parsed value is always valid.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;
use uuid::Uuid;

macro_rules! uuid_name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            #[doc = concat!("Returns the ", $what, " with this UUID.")]
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            #[doc = concat!("Returns the UUID of this ", $what, ".")]
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_name! {
    /// Id of one process of a worker, created when the process starts. Two processes with one name are two incarnations.
    Incarnation, "incarnation"
}

uuid_name! {
    /// Id of one store, created when it is installed. Members that work on another store are given no slots.
    InstallationId, "installation"
}

impl InstallationId {
    /// Id of a member that reports none, because it is of an earlier version: it counts as a member of the same installation.
    pub const UNKNOWN: Self = Self(Uuid::nil());
}

/// Name of a worker, usually its pod name: 1 to 253 printable ASCII characters without spaces. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(SmolStr);

/// Error for a text that is not a valid worker name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWorkerId {
    /// The name is empty.
    #[error("the worker name is empty")]
    Empty,
    /// The name is longer than Kubernetes allows.
    #[error("worker name {0:?} has more than {max} characters", max = WorkerId::MAX_LEN)]
    TooLong(String),
    /// The name contains a space, a control character or a non-ASCII character.
    #[error("worker name {name:?} contains {character:?}: only printable ASCII characters without spaces are allowed")]
    Character {
        /// The whole name.
        name: String,
        /// The first invalid character.
        character: char,
    },
}

impl WorkerId {
    /// Placeholder that equals no worker's name.
    pub(crate) const NONE: Self = Self(SmolStr::new_static(""));

    /// Maximum length of a name in characters, that of a Kubernetes pod name.
    pub const MAX_LEN: usize = 253;

    /// Parses a name.
    ///
    /// # Errors
    /// If the name is empty, too long, or contains anything but printable ASCII without spaces.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidWorkerId> {
        let name = name.into();
        if name.is_empty() {
            return Err(InvalidWorkerId::Empty);
        }
        if let Some(character) = name.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(InvalidWorkerId::Character { name, character });
        }
        if name.len() > Self::MAX_LEN {
            return Err(InvalidWorkerId::TooLong(name));
        }
        Ok(Self(name.into()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for WorkerId {
    type Err = InvalidWorkerId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

/// Owner of slots: one incarnation of a worker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberKey {
    /// Name of the worker.
    pub worker: WorkerId,
    /// Incarnation of the worker.
    pub incarnation: Incarnation,
}

impl fmt::Display for MemberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.worker, self.incarnation)
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// Returns the next number.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }

            /// Returns the distance from an earlier number to this one; 0 if `earlier` is not earlier.
            #[must_use]
            pub const fn since(self, earlier: Self) -> u64 {
                self.0.saturating_sub(earlier.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter! {
    /// Number of a second by the store's clock. An item is incremented at most once per tick.
    Tick
}
counter! {
    /// Version of a slot's ownership: one higher with every change of owner. It is the fencing token.
    Epoch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_name_is_a_worker_name() {
        for name in ["worker-6f9c7d-x2x8z", "a", "Worker_1.example"] {
            assert_eq!(WorkerId::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn an_invalid_worker_name_is_refused_with_its_text() {
        assert_eq!(WorkerId::new(""), Err(InvalidWorkerId::Empty));
        let spaced = WorkerId::new("worker 1").unwrap_err().to_string();
        assert!(spaced.contains("\"worker 1\"") && spaced.contains("' '"), "{spaced}");
        assert!(matches!(WorkerId::new("wörker"), Err(InvalidWorkerId::Character { character: 'ö', .. })));
        assert!(matches!(WorkerId::new("w".repeat(254)), Err(InvalidWorkerId::TooLong(_))));
        assert!(WorkerId::new("w".repeat(253)).is_ok());
    }
}
