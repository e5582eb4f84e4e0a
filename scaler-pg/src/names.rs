//! Names of the objects of an installation, and the templates that they are put into.
//!
//! Every statement in `sql/` and `migrations/` is a template. Its placeholders are rendered once, when the store is built:
//!
//! | placeholder | for the reference table | meaning |
//! |---|---|---|
//! | `{group}` | `scaler` | schema of the slots |
//! | `{schema}`, `{table}` | `public`, `public.work_items` | schema of the table of work; the table with its schema |
//! | `{key}` | `id` | key column of the table |
//! | `{key_type}`, `{key_hash}` | `uuid`, `uuid_hash_extended` | type of the key; the function of Postgres that hashes it |
//! | `{group_name}`, `{schema_name}`, `{table_name}`, `{key_name}` | `'scaler'` and so on | the bare name, as a string literal |
//! | `{schema_text}`, `{table_text}` | `'public'`, `'public.work_items'` | the identifier, as a string literal, for `to_regclass` and the like |
//! | `{session_name}` | `'scaler-worker '` | start of the name of a worker's sessions, as a string literal |
//!
//! A placeholder in a string literal of the template must be `{group}`: no other identifier is free of quotes.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::config::WORKER_SESSION;

/// Identifiers that stand in a statement without quotes. The text of a released migration must not change, since databases hold its
/// checksum.
const BARE: [&str; 4] = ["scaler", "public", "work_items", "id"];

/// Names of the objects of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    group: String,
    schema: String,
    table: String,
    key: String,
}

/// A statement whose placeholders are rendered.
#[derive(Clone, Debug)]
pub(crate) struct Rendered(Arc<str>);

impl SqlSafeStr for &Rendered {
    fn into_sql_str(self) -> SqlStr {
        // Composed of constants of this crate and of quoted names.
        AssertSqlSafe(Arc::clone(&self.0)).into_sql_str()
    }
}

impl Rendered {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Names {
    /// Returns the names of the reference installation.
    fn default() -> Self {
        let [group, schema, table, key] = BARE.map(str::to_owned);
        Self { group, schema, table, key }
    }
}

impl Names {
    /// Returns the schema of the slots, as an identifier.
    pub(crate) fn group(&self) -> String {
        identifier(&self.group)
    }

    /// Returns the channel of wake-up notifications, which is the bare name of the schema of the slots.
    pub(crate) fn channel(&self) -> &str {
        &self.group
    }

    /// Renders a template.
    pub(crate) fn render(&self, template: &str) -> Rendered {
        Rendered(self.text(template, |_| None).into())
    }

    /// Renders the statements that grant privileges to this role.
    pub(crate) fn render_for(&self, role: &str, template: &str) -> Rendered {
        let text = self.text(template, |placeholder| (placeholder == "role").then(|| quoted(role, '"')));
        Rendered(text.into())
    }

    /// Renders a template in one pass, so that a name that looks like a placeholder stays as it is.
    fn text(&self, template: &str, other: impl Fn(&str) -> Option<String>) -> String {
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, placeholder, after)) = next_placeholder(rest) {
            text += before;
            match self.value(placeholder).or_else(|| other(placeholder)) {
                Some(value) => text += &value,
                None => text.extend(["{", placeholder, "}"]),
            }
            rest = after;
        }
        text + rest
    }

    fn value(&self, placeholder: &str) -> Option<String> {
        let table = || format!("{}.{}", identifier(&self.schema), identifier(&self.table));
        Some(match placeholder {
            "group" => identifier(&self.group),
            "schema" => identifier(&self.schema),
            "table" => table(),
            "key" => identifier(&self.key),
            "key_type" => "uuid".to_owned(),
            "key_hash" => "uuid_hash_extended".to_owned(),
            "group_name" => literal(&self.group),
            "schema_name" => literal(&self.schema),
            "table_name" => literal(&self.table),
            "key_name" => literal(&self.key),
            "schema_text" => literal(&identifier(&self.schema)),
            "table_text" => literal(&table()),
            "session_name" => literal(WORKER_SESSION),
            _ => return None,
        })
    }
}

/// Returns the text before the next placeholder, its name, and the text after it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('{')?;
        let (name, after) = text.get(open + 1..)?.split_once('}')?;
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return Some((text.get(..open)?, name, after));
        }
        from = open + 1;
    }
}

fn identifier(name: &str) -> String {
    if BARE.contains(&name) { name.to_owned() } else { quoted(name, '"') }
}

fn literal(text: &str) -> String {
    // A backslash is an ordinary character, since `standard_conforming_strings` is on by default.
    quoted(text, '\'')
}

fn quoted(text: &str, quote: char) -> String {
    format!("{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_installation_needs_no_quotes_and_every_other_name_has_them() {
        let reference = "select {key} from {table} where c.oid = {table_text}::regclass -- {group} {schema_name}";
        let rendered = Names::default().render(reference);
        assert_eq!(
            rendered.as_str(),
            "select id from public.work_items where c.oid = 'public.work_items'::regclass -- scaler 'public'"
        );
        let names = Names {
            group: "order".to_owned(),
            schema: "My \"Schema\"".to_owned(),
            table: "it's".to_owned(),
            key: "{table}".to_owned(),
        };
        let rendered = names.render("{group} {table} {key} {table_text} {schema_name} {table_name}");
        let expected = r#""order" "My ""Schema"""."it's" "{table}" '"My ""Schema"""."it''s"' 'My "Schema"' 'it''s'"#;
        assert_eq!(rendered.as_str(), expected);
    }

    #[test]
    fn braces_that_hold_no_placeholder_stay() {
        let text = "'{}' ~ '^[!-~]{1,253}$' {";
        assert_eq!(Names::default().render(text).as_str(), text);
        assert_eq!(Names::default().render_for("a\"b", "{{role} {other}").as_str(), "{\"a\"\"b\" {other}");
    }
}
