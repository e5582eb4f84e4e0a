//! Error of a call that failed on both paths.

use crate::{ErrorClass, MembershipError};

/// Failure of a call on both paths.
#[derive(Debug, thiserror::Error)]
#[error("{}: {first}; {}: {second}", names[0], names[1])]
struct BothFailed {
    names: [&'static str; 2],
    #[source]
    first: MembershipError,
    second: MembershipError,
}

/// Returns the error of a call that failed on both paths. It may have taken effect if it may have on one of them, and may succeed later if it may
/// on one of them.
pub(super) fn both_failed(
    during: &'static str,
    names: [&'static str; 2],
    [first, second]: [MembershipError; 2],
) -> MembershipError {
    let classes = [first.class(), second.class()];
    let kept = match &first {
        MembershipError::Denied { .. } => |during, source| MembershipError::Denied { during, source },
        MembershipError::Misshapen { .. } => |during, source| MembershipError::Misshapen { during, source },
        _ => |during, source| MembershipError::Refused { during, source },
    };
    let source = Box::new(BothFailed { names, first, second });
    if classes.contains(&ErrorClass::Indeterminate) {
        MembershipError::Unanswered { during, source }
    } else if classes.contains(&ErrorClass::Transient) {
        MembershipError::Unavailable { during, source }
    } else {
        kept(during, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied() -> MembershipError {
        MembershipError::Denied { during: "listing", source: "wrong password".into() }
    }

    fn unavailable() -> MembershipError {
        MembershipError::Unavailable { during: "listing", source: "connection refused".into() }
    }

    #[test]
    fn both_reasons_are_told() {
        let error = both_failed("listing", ["Redis", "Postgres"], [denied(), unavailable()]);
        assert_eq!(
            error.to_string(),
            "listing: the membership is unavailable: Redis: listing: access is denied: wrong password; \
             Postgres: listing: the membership is unavailable: connection refused"
        );
    }

    #[test]
    fn a_call_that_may_succeed_on_one_path_may_be_repeated() {
        let unanswered = || MembershipError::Unanswered { during: "listing", source: "silence".into() };
        for (errors, class) in [
            ([denied(), denied()], ErrorClass::Permanent),
            ([denied(), unavailable()], ErrorClass::Transient),
            ([unavailable(), unanswered()], ErrorClass::Indeterminate),
        ] {
            assert_eq!(both_failed("listing", ["a", "b"], errors).class(), class);
        }
        assert!(matches!(both_failed("listing", ["a", "b"], [denied(), denied()]), MembershipError::Denied { .. }));
    }
}
