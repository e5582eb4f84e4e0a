//! Selection of items to remove: a number of any items, or a list of ids.

use scaler_core::{ItemId, KeyType};

/// Maximum number of items added or removed at a time.
pub const MOST_ITEMS: u32 = 1_000_000;

/// Selection of items to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Any items, this many.
    Any(u32),
    /// These items.
    These(Vec<ItemId>),
}

/// Words that are not a selection of items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is neither a number of items from 1 to {MOST_ITEMS} nor the id of an item")]
pub struct BadRemoval {
    /// The first invalid word.
    pub word: String,
}

impl Removal {
    /// Parses `N` or `ID...`.
    ///
    /// # Errors
    /// [`BadRemoval`] if there are no words, or one is invalid.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, BadRemoval> {
        let words: Vec<_> = words.into_iter().collect();
        let bad = |word: &str| BadRemoval { word: word.to_owned() };
        if let [word] = words[..]
            && let Ok(count) = word.parse::<u32>()
        {
            return if (1..=MOST_ITEMS).contains(&count) { Ok(Self::Any(count)) } else { Err(bad(word)) };
        }
        let ids: Vec<_> = words.iter().map(|word| KeyType::Uuid.parse(word).map_err(|_| bad(word))).collect::<Result<_, _>>()?;
        if ids.is_empty() { Err(bad("")) } else { Ok(Self::These(ids)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_ids() {
        assert_eq!(Removal::parse(["5"]), Ok(Removal::Any(5)));
        let id = "0b0e5b54-7a3c-4a3f-9b35-0a6b8f0f3d11";
        assert_eq!(Removal::parse([id, id]), Ok(Removal::These(vec![KeyType::Uuid.parse(id).unwrap(); 2])));
        for bad in [&[][..], &["0"], &["1000001"], &["some"], &["5", "6"], &[id, "5"]] {
            assert!(Removal::parse(bad.iter().copied()).is_err(), "{bad:?}");
        }
    }
}
