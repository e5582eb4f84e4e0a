//! Templates of SQL, whose placeholders are rendered once, when the store is built.
//!
//! Every statement in `sql/` and `migrations/` is a template; [`Group`](crate::group::Group) knows the values.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// A statement whose placeholders are rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendered(Arc<str>);

impl SqlSafeStr for &Rendered {
    fn into_sql_str(self) -> SqlStr {
        // Composed of constants of this crate, of quoted names, and of the SQL that the builder of the store was given.
        AssertSqlSafe(Arc::clone(&self.0)).into_sql_str()
    }
}

impl From<String> for Rendered {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Rendered {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Renders a template in one pass, so that a value that looks like a placeholder stays as it is. An unknown placeholder stays, too.
pub(crate) fn render(template: &str, value: impl Fn(&str) -> Option<String>) -> Rendered {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, placeholder, after)) = next_placeholder(rest) {
        text += before;
        match value(placeholder) {
            Some(value) => text += &value,
            None => text.extend(["{", placeholder, "}"]),
        }
        rest = after;
    }
    Rendered((text + rest).into())
}

/// Returns the names of all placeholders, in order.
pub(crate) fn placeholders(template: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((_, placeholder, after)) = next_placeholder(rest) {
        found.push(placeholder);
        rest = after;
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_rendered_once_and_other_braces_stay() {
        let value = |name: &str| (name == "table").then(|| "{table}".to_owned());
        assert_eq!(render("a {table} {{table}} {other}", value).as_str(), "a {table} {{table}} {other}");
        let text = "'{}' ~ '^[!-~]{1,253}$' {";
        assert_eq!(render(text, value).as_str(), text);
        assert_eq!(placeholders("{a} {} {1,2} {b_c} {"), ["a", "b_c"]);
    }
}
