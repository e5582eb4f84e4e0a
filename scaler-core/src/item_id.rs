//! Key of an item, and the types of key columns.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// Key of an item: the value of the key column of its row. 24 bytes; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemId {
    /// Key of a column of type `uuid`.
    Uuid(Uuid),
    /// Key of a column of type `bigint` or `integer`. Equal numbers are in the same slot whichever of the two types the column has.
    Integer(i64),
    /// Key of a column of type `text` or `varchar`. Keys are ordered by their bytes.
    Text(Arc<str>),
}

impl ItemId {
    /// Returns the key as a UUID; `None` if it is of another type.
    #[must_use]
    pub const fn as_uuid(&self) -> Option<Uuid> {
        match self {
            Self::Uuid(id) => Some(*id),
            Self::Integer(_) | Self::Text(_) => None,
        }
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(id) => id.fmt(f),
            Self::Integer(id) => id.fmt(f),
            Self::Text(id) => id.fmt(f),
        }
    }
}

impl From<Uuid> for ItemId {
    fn from(id: Uuid) -> Self {
        Self::Uuid(id)
    }
}

impl From<i64> for ItemId {
    fn from(id: i64) -> Self {
        Self::Integer(id)
    }
}

impl From<i32> for ItemId {
    fn from(id: i32) -> Self {
        Self::Integer(id.into())
    }
}

impl From<&str> for ItemId {
    fn from(id: &str) -> Self {
        Self::Text(id.into())
    }
}

impl From<String> for ItemId {
    fn from(id: String) -> Self {
        Self::Text(id.into())
    }
}

/// Type of a key column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// `uuid`
    #[default]
    Uuid,
    /// `bigint`
    BigInt,
    /// `integer`
    Integer,
    /// `text` or `varchar`
    Text,
}

/// Error of [`KeyType::parse`]: the text is not a key of this type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a key of type {expected}")]
pub struct InvalidItemId {
    /// The text.
    pub text: String,
    /// Type of the key column.
    pub expected: KeyType,
}

impl KeyType {
    /// Parses a key of this type, as [`ItemId`] displays it.
    ///
    /// # Errors
    /// If the text is not a value of this type.
    pub fn parse(self, text: &str) -> Result<ItemId, InvalidItemId> {
        let parsed = match self {
            Self::Uuid => text.parse().ok().map(ItemId::Uuid),
            Self::BigInt => text.parse().ok().map(ItemId::Integer),
            Self::Integer => text.parse::<i32>().ok().map(ItemId::from),
            Self::Text => Some(ItemId::from(text)),
        };
        parsed.ok_or_else(|| InvalidItemId { text: text.to_owned(), expected: self })
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Uuid => "uuid",
            Self::BigInt => "bigint",
            Self::Integer => "integer",
            Self::Text => "text",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_takes_24_bytes() {
        assert_eq!(size_of::<ItemId>(), 24);
    }

    #[test]
    fn a_key_is_parsed_by_the_type_of_its_column() {
        let uuid = "0b0e5b54-7a3c-4a3f-9b35-0a6b8f0f3d11";
        for (key_type, text) in [
            (KeyType::Uuid, uuid),
            (KeyType::BigInt, "-9223372036854775808"),
            (KeyType::Integer, "-2147483648"),
            (KeyType::Text, ""),
            (KeyType::Text, "7"),
        ] {
            assert_eq!(key_type.parse(text).unwrap().to_string(), text);
        }
        for (key_type, text) in [
            (KeyType::Uuid, "7"),
            (KeyType::BigInt, "9223372036854775808"),
            (KeyType::Integer, "2147483648"),
            (KeyType::BigInt, uuid),
        ] {
            let refused = key_type.parse(text).unwrap_err().to_string();
            assert!(refused.contains(text) && refused.contains(&key_type.to_string()), "{refused}");
        }
    }
}
