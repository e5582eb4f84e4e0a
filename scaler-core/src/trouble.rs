//! Failures that go on are told of once, and so is their end.

use std::mem::{Discriminant, discriminant};

/// The kind of failure that goes on, if one does.
#[derive(Debug)]
pub(crate) struct Trouble<E>(Option<Discriminant<E>>);

impl<E> Default for Trouble<E> {
    fn default() -> Self {
        Self(None)
    }
}

impl<E> Trouble<E> {
    /// A call failed: whether that begins something, a first failure or one of another kind than the last.
    pub(crate) fn begins(&mut self, error: &E) -> bool {
        let kind = discriminant(error);
        self.0.replace(kind) != Some(kind)
    }

    /// A call went well: whether that ends something.
    pub(crate) fn ends(&mut self) -> bool {
        self.0.take().is_some()
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_of_once_and_so_is_the_end() {
        let mut trouble = Trouble::default();
        assert!(!trouble.ends() && !trouble.is_on());
        assert_eq!([Ok(1), Ok(2), Err(3), Ok(4)].map(|error: Result<_, u8>| trouble.begins(&error)), [true, false, true, true]);
        assert!(trouble.is_on() && trouble.ends() && !trouble.ends());
        assert!(trouble.begins(&Ok(5)), "it begins anew");
    }
}
