//! What Postgres refuses, by what a worker says of itself.

use scaler_core::{Member, MemberState};

/// A line about it, if something is refused.
pub(super) fn refusal(member: &Member) -> Option<String> {
    let (worker, refusal) = (&member.key.worker, member.refusal.as_ref()?);
    Some(match member.state {
        MemberState::Barred => format!("{worker}: Postgres lets no write in its name through: {refusal}"),
        _ => format!("{worker}: Postgres refuses to change {} items; {refusal}", member.refused),
    })
}
