//! Identifiers of Postgres, as people write them: `feeds`, `public.feeds`, `"My Schema"."My Table"`.

/// Maximum length of an identifier, in bytes. Postgres would cut a longer one.
const LONGEST: usize = 63;
/// Delimiter of the functions' bodies, which no part of a statement may contain.
pub(crate) const BODY: &str = "$body$";

/// Reason for which a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdentifierError {
    #[error("a name is empty")]
    Empty,
    #[error("a quoted name does not end: close it with a double quote")]
    Unclosed,
    #[error("character {0:?} is not allowed in a name without double quotes: quote the name, as in \"My Table\"")]
    Character(char),
    #[error("a name has {0} bytes: Postgres allows 63")]
    Long(usize),
    #[error("a name must not contain {BODY}")]
    Body,
    #[error("a name must not contain a zero byte")]
    Zero,
    #[error("it has {found} parts, expected {expected}")]
    Parts { found: usize, expected: &'static str },
}

/// Returns the parts of a qualified name. A part without quotes is folded to lower case, as Postgres does.
pub(crate) fn parts(text: &str) -> Result<Vec<String>, IdentifierError> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_part(quoted)?,
            None => plain_part(rest)?,
        };
        checked(&part)?;
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => match after.chars().next() {
                None => return Ok(parts),
                Some(letter) => return Err(IdentifierError::Character(letter)),
            },
        }
    }
}

/// Returns a name of one part.
pub(crate) fn single(text: &str) -> Result<String, IdentifierError> {
    let parts = parts(text)?;
    let found = parts.len();
    match <[String; 1]>::try_from(parts) {
        Ok([name]) => Ok(name),
        Err(_) => Err(IdentifierError::Parts { found, expected: "one" }),
    }
}

/// Quotes a text: an identifier with `"`, a string literal with `'`.
pub(crate) fn quoted(text: &str, quote: char) -> String {
    format!("{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}")))
}

/// Returns the part that begins after an opening quote, and the text after it.
fn quoted_part(text: &str) -> Result<(String, &str), IdentifierError> {
    let mut part = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"').ok_or(IdentifierError::Unclosed)?;
        part += before;
        match after.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None => return Ok((part, after)),
        }
    }
}

fn plain_part(text: &str) -> Result<(String, &str), IdentifierError> {
    let end = text.find('.').unwrap_or(text.len());
    let (part, after) = text.split_at(end);
    for (place, letter) in part.char_indices() {
        let fits = letter.is_alphabetic() || letter == '_' || (place > 0 && (letter.is_ascii_digit() || letter == '$'));
        if !fits {
            return Err(IdentifierError::Character(letter));
        }
    }
    Ok((part.to_ascii_lowercase(), after))
}

fn checked(part: &str) -> Result<(), IdentifierError> {
    match part {
        "" => Err(IdentifierError::Empty),
        part if part.len() > LONGEST => Err(IdentifierError::Long(part.len())),
        part if part.contains(BODY) => Err(IdentifierError::Body),
        part if part.contains('\0') => Err(IdentifierError::Zero),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_postgres_reads_them() {
        for (text, expected) in [
            ("feeds", &["feeds"][..]),
            ("Public.Feeds_2$", &["public", "feeds_2$"]),
            ("\"My Schema\".\"My.\"\"Table\"\"\"", &["My Schema", "My.\"Table\""]),
            ("größe", &["größe"]),
            ("a.b.c", &["a", "b", "c"]),
        ] {
            assert_eq!(parts(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        let long = "a".repeat(64);
        for (text, expected) in [
            ("", IdentifierError::Empty),
            ("a.", IdentifierError::Empty),
            (".a", IdentifierError::Empty),
            ("\"\"", IdentifierError::Empty),
            ("\"a", IdentifierError::Unclosed),
            ("\"a\"b", IdentifierError::Character('b')),
            ("a b", IdentifierError::Character(' ')),
            ("1a", IdentifierError::Character('1')),
            ("a;drop table b", IdentifierError::Character(';')),
            (&long, IdentifierError::Long(64)),
            ("\"a$body$b\"", IdentifierError::Body),
            ("a$body$b", IdentifierError::Body),
            ("\"a\0\"", IdentifierError::Zero),
        ] {
            assert_eq!(parts(text).unwrap_err(), expected, "{text}");
        }
        assert_eq!(single("a.b").unwrap_err(), IdentifierError::Parts { found: 2, expected: "one" });
    }
}
