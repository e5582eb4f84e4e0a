//! The statement of a group: the SQL that works on the items of a tick.

use crate::identifier::BODY;
use crate::template::{placeholders, render};

/// The increment, which is the statement of the reference table.
const INCREMENT: &str =
    "update {table} set value = least(coalesce(item.value, 0), 2147483646) + 1, currentworker = {worker} where {owned}";
const FIRST_WORDS: [&str; 4] = ["update", "insert", "delete", "with"];
const PLACEHOLDERS: [&str; 3] = ["table", "owned", "worker"];

/// A statement with the placeholders `{table}`, `{owned}` and `{worker}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    template: String,
}

/// Reason for which a text is not the statement of a group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StatementError {
    #[error("it begins with {0:?}: it must be one update, insert, delete or with ... that changes rows")]
    FirstWord(String),
    #[error(
        "it lacks {{{0}}}: write the table as {{table}}, and the rows of this tick as {{owned}}, as in \
             `update {{table}} set polled = polled + 1 where {{owned}}`"
    )]
    Lacks(&'static str),
    #[error("{{{0}}} is not a placeholder: those are {{table}}, {{owned}} and {{worker}}")]
    Unknown(String),
    #[error("it must not contain {BODY} or a zero byte")]
    Body,
}

impl Statement {
    /// Returns the increment of the reference table.
    pub(crate) fn increment() -> Self {
        Self { template: INCREMENT.to_owned() }
    }

    /// Checks what can be checked without a database.
    pub(crate) fn new(text: &str) -> Result<Self, StatementError> {
        let text = text.trim().trim_end_matches(';').trim_end();
        let first: String = text.chars().take_while(|letter| letter.is_alphanumeric()).collect();
        if !FIRST_WORDS.contains(&first.to_ascii_lowercase().as_str()) {
            return Err(StatementError::FirstWord(first));
        }
        if text.contains(BODY) || text.contains('\0') {
            return Err(StatementError::Body);
        }
        let found = placeholders(text);
        if let Some(unknown) = found.iter().find(|name| !PLACEHOLDERS.contains(name)) {
            return Err(StatementError::Unknown((*unknown).to_owned()));
        }
        if let Some(lacks) = ["table", "owned"].into_iter().find(|name| !found.contains(name)) {
            return Err(StatementError::Lacks(lacks));
        }
        Ok(Self { template: text.to_owned() })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.template
    }

    /// True if the statement changes each item that it is given, so that a row which is missing from the number of changed rows was refused:
    /// it is `update {table} set ... where {owned}`, without `from`. Any other statement may leave out rows for reasons of its own.
    pub(crate) fn changes_each(&self) -> bool {
        let words: Vec<String> = self.template.split_whitespace().map(str::to_ascii_lowercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        matches!(words.as_slice(), ["update", "{table}", "set", between @ .., "where", "{owned}"] if !between.contains(&"from"))
    }

    /// True if the statement deletes rows of the table.
    pub(crate) fn deletes(&self) -> bool {
        self.template.split_whitespace().any(|word| word.eq_ignore_ascii_case("delete"))
    }

    /// Renders the statement for this table, these rows and the worker of parameter `$1`.
    pub(crate) fn render(&self, table: &str, owned: &str) -> String {
        let value = |name: &str| match name {
            // A qualified name of a column needs a short name of the table.
            "table" => Some(format!("{table} as item")),
            "owned" => Some(format!("({owned})")),
            "worker" => Some("$1".to_owned()),
            _ => None,
        };
        render(&self.template, value).as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_write_to_the_rows_of_the_tick_is_a_statement() {
        for (text, expected) in [
            ("select * from {table} where {owned}", "\"select\""),
            ("", "begins with \"\""),
            ("drop table feeds", "\"drop\""),
            ("update {table} set a = 1", "lacks {owned}"),
            ("update feeds set a = 1 where {owned}", "lacks {table}"),
            ("update {table} set a = {key} where {owned}", "{key} is not a placeholder"),
            ("update {table} set a = $body$x$body$ where {owned}", "must not contain $body$"),
        ] {
            let error = Statement::new(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let statement = Statement::new(" UPDATE {table} SET a = item.a + 1, by = {worker} WHERE {owned} ; ").unwrap();
        let rendered = statement.render("\"t\"", "item.id = 1");
        assert_eq!(rendered, "UPDATE \"t\" as item SET a = item.a + 1, by = $1 WHERE (item.id = 1)");
    }

    #[test]
    fn rows_are_counted_only_where_each_must_change() {
        for (text, expected) in [
            (INCREMENT, true),
            ("Update {table} set\n a = 1\n where {owned}", true),
            ("update {table} set a = 1 where {owned} and not item.paused", false),
            ("update {table} set a = o.a from public.other o where {owned}", false),
            ("insert into public.log select id from {table} where {owned}", false),
            ("delete from {table} where {owned}", false),
        ] {
            assert_eq!(Statement::new(text).unwrap().changes_each(), expected, "{text}");
        }
        assert!(Statement::new("delete from {table} where {owned}").unwrap().deletes());
    }
}
