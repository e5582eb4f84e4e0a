//! Conversion of replies to text.

use redis::Value;

/// Returns the texts in an answer. Entries that are not UTF-8 were not written by this crate; callers ignore them as foreign.
pub(super) fn texts(answer: &Value) -> Vec<String> {
    match answer {
        Value::Array(values) => values.iter().map(text).collect(),
        Value::Nil => Vec::new(),
        single => vec![text(single)],
    }
}

/// Returns the text of a single reply; empty if it has none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Okay => "OK".to_owned(),
        _ => String::new(),
    }
}
