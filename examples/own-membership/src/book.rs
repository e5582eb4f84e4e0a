//! State of the membership, and its rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scaler_core::wire::{read_member, write_member};
use scaler_core::{InstallationId, Member, MemberKey, MemberRecord, MemberState, Registration, WorkerId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// State of the membership, as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    members: Vec<Entry>,
    /// Incarnations that lost their name, and when.
    superseded: BTreeMap<Uuid, Duration>,
    retired: BTreeMap<Uuid, BTreeSet<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    name: String,
    incarnation: Uuid,
    installation: Uuid,
    /// The member's last heartbeat, in the form that all adapters share.
    said: String,
    seen: Duration,
}

/// Effect of a call on the member list: listeners are notified of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    News,
    Nothing,
}

impl Book {
    pub(crate) fn heartbeat(&mut self, member: &Member, now: Duration) -> (Registration, Change) {
        let (name, incarnation) = (member.key.worker.as_str(), member.key.incarnation.uuid());
        let installation = member.installation.uuid();
        if self.superseded.contains_key(&incarnation) {
            return (Registration::Superseded, Change::Nothing);
        }
        let holder = self.members.iter().position(|entry| entry.name == name && entry.installation == installation);
        let change = match holder.map(|at| &self.members[at]) {
            Some(holder) if holder.incarnation != incarnation => {
                if member.state != MemberState::Joining {
                    return (Registration::Superseded, Change::Nothing);
                }
                self.superseded.insert(holder.incarnation, now);
                Change::News
            }
            Some(holder) if holder.member().is_some_and(|before| before.state == member.state) => Change::Nothing,
            Some(_) | None => Change::News,
        };
        // A member is plain data, which can always be written.
        let said = write_member(member).unwrap_or_default();
        let entry = Entry { name: name.to_owned(), incarnation, installation, said, seen: now };
        match holder {
            Some(at) => self.members[at] = entry,
            None => self.members.push(entry),
        }
        let is_retired = self.retired.get(&installation).is_some_and(|names| names.contains(name));
        (if is_retired { Registration::Retiring } else { Registration::Current }, change)
    }

    pub(crate) fn leave(&mut self, key: &MemberKey) -> Change {
        let before = self.members.len();
        self.members.retain(|entry| entry.name != key.worker.as_str() || entry.incarnation != key.incarnation.uuid());
        if self.members.len() < before { Change::News } else { Change::Nothing }
    }

    pub(crate) fn members(&self, now: Duration) -> Vec<MemberRecord> {
        let record = |entry: &Entry| Some(MemberRecord { member: entry.member()?, age: now.saturating_sub(entry.seen) });
        let mut members: Vec<_> = self.members.iter().filter_map(record).collect();
        members.sort_by(|one, other| one.member.key.cmp(&other.member.key));
        members
    }

    pub(crate) fn sweep(&mut self, now: Duration, older_than: Duration) -> Vec<WorkerId> {
        let is_old = |seen: Duration| now.saturating_sub(seen) > older_than;
        self.superseded.retain(|_, since| !is_old(*since));
        let mut swept: Vec<_> = self.members.extract_if(.., |entry| is_old(entry.seen)).map(|entry| entry.name).collect();
        swept.sort_unstable();
        swept.into_iter().filter_map(|name| WorkerId::new(name).ok()).collect()
    }

    pub(crate) fn retire(&mut self, installation: InstallationId, workers: &BTreeSet<WorkerId>) {
        self.retired.insert(installation.uuid(), workers.iter().map(ToString::to_string).collect());
    }

    pub(crate) fn retired(&self, installation: InstallationId) -> BTreeSet<WorkerId> {
        let names = self.retired.get(&installation.uuid()).into_iter().flatten();
        names.filter_map(|name| WorkerId::new(name.as_str()).ok()).collect()
    }
}

impl Entry {
    fn member(&self) -> Option<Member> {
        read_member(&self.name, &self.said)
    }
}
