//! Refusals by Postgres, as reported by the workers.

use scaler_core::{Member, MemberState};

/// Describes in one line what Postgres refuses to a member; `None` if it refuses nothing.
pub(super) fn refusal(member: &Member) -> Option<String> {
    let (worker, refusal) = (&member.key.worker, member.refusal.as_ref()?);
    Some(match member.state {
        MemberState::Barred => format!("{worker}: Postgres refuses all writes of this worker: {refusal}"),
        _ => format!("{worker}: Postgres refuses to change {} items; {refusal}", member.refused),
    })
}
