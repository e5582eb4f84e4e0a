//! JSON form of a member.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{BoxError, Incarnation, InstallationId, Member, MemberKey, MemberState, Tick, WorkerId};

/// JSON form of a member. It is short, because people read it. Unknown fields are ignored, because a later version may add some.
#[derive(Serialize, Deserialize)]
struct Said {
    state: String,
    incarnation: Uuid,
    /// Nil in a record of an earlier version.
    #[serde(default)]
    installation: Uuid,
    tick: Option<u64>,
    slots: u32,
    items: u64,
    ids: Vec<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    refused: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    /// Uptime in seconds.
    #[serde(default)]
    up: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Returns the JSON of a member, without its name.
///
/// # Errors
/// If the member cannot be written as JSON.
pub fn write_member(member: &Member) -> Result<String, BoxError> {
    let Member { key, installation, state, last_tick, slots, items, refused, refusal, first_items, revision, uptime } = member;
    let said = Said {
        state: state.to_string(),
        incarnation: key.incarnation.uuid(),
        installation: installation.uuid(),
        tick: last_tick.map(|tick| tick.0),
        slots: *slots,
        items: *items,
        ids: first_items.clone(),
        refused: *refused,
        refusal: refusal.clone(),
        revision: revision.clone(),
        up: uptime.as_secs(),
    };
    Ok(serde_json::to_string(&said)?)
}

/// Returns the member of this name from its JSON; `None` if another program wrote it.
#[must_use]
pub fn read_member(worker: &str, said: &str) -> Option<Member> {
    let Said { state, incarnation, installation, tick, slots, items, ids, refused, refusal, revision, up } =
        serde_json::from_str(said).ok()?;
    let states = [MemberState::Joining, MemberState::Active, MemberState::Suspect, MemberState::Barred, MemberState::Draining];
    Some(Member {
        key: MemberKey { worker: WorkerId::new(worker).ok()?, incarnation: Incarnation::new(incarnation) },
        installation: InstallationId::new(installation),
        state: states.into_iter().find(|known| known.as_str() == state)?,
        last_tick: tick.map(Tick),
        slots,
        items,
        first_items: ids,
        refused,
        refusal,
        revision,
        uptime: Duration::from_secs(up),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = concat!(
        r#"{"state":"active","incarnation":"00000000-0000-0000-0000-000000000001","#,
        r#""installation":"00000000-0000-0000-0000-000000000003","tick":1763836000,"slots":1365,"items":4,"#,
        r#""ids":["00000000-0000-0000-0000-000000000002"],"revision":"6f9c7d5b8c","up":61}"#
    );

    #[test]
    fn it_reads_as_it_was_written() {
        let refusing = SAID.replace(r#","revision""#, r#","refused":2,"refusal":"no","revision""#);
        for said in [SAID, &refusing] {
            assert_eq!(write_member(&read_member("worker-1", said).unwrap()).unwrap(), said);
        }
    }

    #[test]
    fn what_others_wrote_is_passed_over() {
        for foreign in ["", "5", "{}", "null", "\u{fffd}", &SAID.replace("active", "dancing")] {
            assert_eq!(read_member("worker-1", foreign), None, "{foreign}");
        }
        assert_eq!(read_member("not a name", SAID), None);
        assert!(read_member("worker-1", &SAID.replace("{", r#"{"zone":"a","#)).is_some(), "a later version may say more");
        let earlier = SAID.replace(r#","revision":"6f9c7d5b8c","up":61"#, "");
        let earlier = earlier.replace(r#""installation":"00000000-0000-0000-0000-000000000003","#, "");
        let member = read_member("worker-1", &earlier).unwrap();
        assert_eq!((member.revision, member.installation), (None, InstallationId::UNKNOWN), "an earlier version said less");
    }
}
