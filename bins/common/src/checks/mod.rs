//! Checks of a running system: each tells in one sentence whether a part of it is well, and the page of the book that says what to do.

mod facts;
mod servers;
mod view;
mod wishes;
mod workers;

pub use facts::{Facts, LeaderFacts};
pub use view::of_view;

/// Page of the book with one section for each check.
const GUIDE: &str = "docs/operate/doctor.md";

/// Result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Name, which is also the name of its section in the book.
    pub name: &'static str,
    /// State.
    pub state: CheckState,
    /// One sentence.
    pub text: String,
}

/// State of one part of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckState {
    /// It is well.
    Ok,
    /// It could not be found out.
    Unknown,
    /// It is not as it should be, but every item is ticked.
    Warning,
    /// Items are not ticked, or will not be after the next failure.
    Failed,
}

impl CheckState {
    /// Returns the state as lower-case text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

impl Check {
    /// Returns the page and the section that say what the check means and how to mend what it finds.
    #[must_use]
    pub fn guide(&self) -> String {
        format!("{GUIDE}#{}", self.name)
    }

    fn new(name: &'static str, state: CheckState, text: impl Into<String>) -> Self {
        Self { name, state, text: text.into() }
    }

    fn ok(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, CheckState::Ok, text)
    }

    fn unknown(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, CheckState::Unknown, text)
    }

    fn warning(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, CheckState::Warning, text)
    }

    fn failed(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, CheckState::Failed, text)
    }
}

/// Returns the results of all checks, always the same checks in the same order.
#[must_use]
pub fn all(facts: &Facts) -> Vec<Check> {
    [servers::checks(facts), workers::checks(facts), wishes::checks(facts)].concat()
}

/// True if no check has failed and none is a warning.
#[must_use]
pub fn are_well(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.state <= CheckState::Unknown)
}

/// Returns the first few of these names, and how many more there are: `worker-1, worker-2 and 3 more`.
fn named(names: impl IntoIterator<Item = impl ToString>) -> String {
    const MOST: usize = 5;
    let names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    match names.len().checked_sub(MOST).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", names[..MOST].join(", ")),
        None => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::facts::testing::{facts, with};
    use super::*;
    use crate::view::{Recent, Source, ViewBuilder};

    fn not_ok(facts: &Facts) -> Vec<(&'static str, CheckState)> {
        all(facts).into_iter().filter(|check| check.state != CheckState::Ok).map(|check| (check.name, check.state)).collect()
    }

    #[test]
    fn a_system_that_is_well_passes_every_check() {
        assert_eq!(not_ok(&facts()), []);
        assert!(are_well(&all(&facts())));
    }

    #[test]
    fn the_same_checks_run_whatever_is_known() {
        let names = |facts: &Facts| all(facts).iter().map(|check| check.name).collect::<Vec<_>>();
        assert_eq!(names(&facts()), names(&Facts::default()));
        assert!(all(&Facts::default()).iter().all(|check| check.state != CheckState::Ok), "nothing is known");
    }

    #[test]
    fn each_check_has_a_section_in_the_book() {
        let page = include_str!("../../../../docs/operate/doctor.md");
        for check in all(&facts()) {
            assert!(page.contains(&format!("\n## {}\n", check.name)), "{} has no section", check.name);
        }
        let sections = page.lines().filter(|line| line.starts_with("## ")).count();
        assert_eq!(sections, all(&facts()).len(), "each section is about a check");
    }

    #[test]
    fn the_checks_of_a_view_are_some_of_all() {
        let view = ViewBuilder::new("memory", Duration::ZERO).snapshot(Duration::ZERO, Source::Demo, &Recent::default());
        let names: Vec<_> = all(&facts()).iter().map(|check| check.name).collect();
        let found = of_view(&view);
        assert!(found.iter().all(|check| names.contains(&check.name)), "{found:?}");
        assert_eq!(found[0].state, CheckState::Failed, "no leader is known yet");
    }

    #[test]
    fn each_trouble_is_found_by_its_check() {
        use CheckState::{Failed, Warning};
        for (name, state, trouble) in with::TROUBLES {
            let mut facts = facts();
            trouble(&mut facts);
            let found = not_ok(&facts);
            assert!(found.contains(&(name, *state)), "{name}: {found:?}");
            assert!(matches!(state, Failed | Warning), "{name}");
        }
        let tested: std::collections::BTreeSet<_> = with::TROUBLES.iter().map(|(name, ..)| *name).collect();
        let all: std::collections::BTreeSet<_> = all(&facts()).into_iter().map(|check| check.name).collect();
        assert_eq!(tested, all, "each check has a trouble that it finds");
    }
}
