//! Slot that an operator names by its number, or by an item in it.

use notifi_scaler_common::Failure;
use scaler_core::{Slot, SlotCount, StoreError, WorkStore, slot_of};
use scaler_pg::PgStore;

/// Slot or item, as it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target<'a> {
    Slot(u32),
    Item(&'a str),
}

impl<'a> Target<'a> {
    /// Parses `slot:5`, `item:ID`, a number, which is a slot, or any other text, which is the id of an item.
    fn parse(text: &'a str) -> Result<Self, Failure> {
        if let Some(id) = text.strip_prefix("item:") {
            return Ok(Self::Item(id));
        }
        let bad = || Failure::Arguments(format!("{text:?} is no slot: `slot:` is followed by a number, such as slot:5"));
        match (text.strip_prefix("slot:"), text.parse()) {
            (Some(number), _) => number.parse().map(Self::Slot).map_err(|_| bad()),
            (None, Ok(number)) => Ok(Self::Slot(number)),
            (None, Err(_)) => Ok(Self::Item(text)),
        }
    }
}

/// Returns the slot that a text names.
///
/// # Errors
/// [`Failure::Arguments`] if there is no such slot or item, or as for any call to the store.
pub(super) async fn slot(text: &str, store: &PgStore) -> Result<Slot, Failure> {
    let slots = store.slot_count().await?;
    match Target::parse(text)? {
        Target::Slot(number) => numbered(number, slots),
        Target::Item(key) => {
            let found = store.find_item(key).await.map_err(|error| not_a_key(key, error))?;
            found.map(|found| slot_of(&found.item, slots)).ok_or_else(|| absent(key))
        }
    }
}

fn numbered(number: u32, slots: SlotCount) -> Result<Slot, Failure> {
    if number < slots.get() {
        return Ok(Slot::new(number));
    }
    Err(Failure::Arguments(format!(
        "slot {number} does not exist: there are {slots} slots, from 0 to {}; write item:{number} if it is an item",
        slots.get() - 1
    )))
}

/// Explains a key that is not of the table's type.
fn not_a_key(key: &str, error: StoreError) -> Failure {
    match error {
        StoreError::Refused { source, .. } => {
            Failure::Arguments(format!("{key:?} is neither the number of a slot nor the id of an item: {source}"))
        }
        error => error.into(),
    }
}

fn absent(key: &str) -> Failure {
    Failure::Arguments(format!(
        "item {key} does not exist in the table; `notifi-scaler items list` lists some, and slots have numbers"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_slot_and_any_other_text_is_an_item() {
        for (text, target) in [
            ("5", Target::Slot(5)),
            ("slot:5", Target::Slot(5)),
            ("item:5", Target::Item("5")),
            ("-5", Target::Item("-5")),
            ("0b0e5b54-7a3c-4a3f-9b35-0a6b8f0f3d11", Target::Item("0b0e5b54-7a3c-4a3f-9b35-0a6b8f0f3d11")),
        ] {
            assert_eq!(Target::parse(text).unwrap(), target);
        }
        assert_eq!(Target::parse("slot:first").unwrap_err().code(), 64);
    }

    #[test]
    fn a_slot_that_does_not_exist_is_refused() {
        let slots = SlotCount::new(256).unwrap();
        assert_eq!(numbered(255, slots).unwrap(), Slot::new(255));
        let failure = numbered(256, slots).unwrap_err();
        assert_eq!(
            (failure.code(), failure.to_string().as_str()),
            (64, "slot 256 does not exist: there are 256 slots, from 0 to 255; write item:256 if it is an item")
        );
    }

    #[test]
    fn a_text_that_is_no_key_is_refused_with_the_reason() {
        let refused = StoreError::Refused { during: "find item", source: "\"xyz\" is not a key of type uuid".into() };
        let failure = not_a_key("xyz", refused);
        let text = "\"xyz\" is neither the number of a slot nor the id of an item: \"xyz\" is not a key of type uuid";
        assert_eq!((failure.code(), failure.to_string().as_str()), (64, text));
        let away = StoreError::Unavailable { during: "find item", source: "connection refused".into() };
        assert_eq!(not_a_key("xyz", away).code(), 69);
    }
}
