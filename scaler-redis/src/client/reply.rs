//! Replies as texts.

use redis::Value;

/// The texts in an answer. Bytes that are not UTF-8 cannot be ours; readers ignore such entries as foreign.
pub(super) fn texts(answer: &Value) -> Vec<String> {
    match answer {
        Value::Array(values) => values.iter().map(text).collect(),
        Value::Nil => Vec::new(),
        single => vec![text(single)],
    }
}

/// The text of a single reply; empty for one that has none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Okay => "OK".to_owned(),
        _ => String::new(),
    }
}
