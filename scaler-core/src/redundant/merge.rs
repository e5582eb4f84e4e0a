//! One list of members from those of two paths.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::{Incarnation, InstallationId, Member, MemberRecord, WorkerId};

/// Resolution of [`Member::uptime`].
const UPTIME_GRAIN: Duration = Duration::from_secs(1);

/// Name of a member: unique within its installation.
type Name = (WorkerId, InstallationId);
type Key = (Name, Incarnation);

/// Last list of one path.
#[derive(Debug, Default)]
pub(super) struct Listing {
    records: BTreeMap<Key, MemberRecord>,
    listed_at: Duration,
    /// Incarnations that the list before held, and this one does not.
    gone: BTreeSet<Key>,
    /// Time since which the path works; `None` if this list is of an earlier call.
    works_since: Option<Duration>,
}

impl Listing {
    /// Takes the answer of the path; `None` if it gave none.
    pub(super) fn learn(&mut self, answer: Option<Vec<MemberRecord>>, now: Duration, works_since: Option<Duration>) {
        self.gone.clear();
        self.works_since = None;
        let Some(answer) = answer else { return };
        let before = std::mem::take(&mut self.records);
        self.records.extend(answer.into_iter().map(|record| (key(&record.member), record)));
        self.gone.extend(before.into_keys().filter(|key| !self.records.contains_key(key)));
        self.listed_at = now;
        self.works_since = works_since;
    }

    /// Removes what this path can no longer learn: the members that have left by the other path.
    fn heed(&mut self, other: &Self) {
        if self.works_since.is_none() {
            self.records.retain(|key, _| !other.gone.contains(key));
        }
    }

    /// Returns the records, with their ages now.
    fn aged(&self, now: Duration) -> impl Iterator<Item = (&Key, MemberRecord)> {
        let since = now.saturating_sub(self.listed_at);
        self.records.iter().map(move |(key, record)| (key, MemberRecord { age: record.age + since, ..record.clone() }))
    }

    /// True if this path may have missed that the member left: the path was away since its last heartbeat, and the other one, which was
    /// there all the time, does not list it.
    fn may_have_missed_a_leave(&self, key: &Key, age: Duration, now: Duration, other: &Self) -> bool {
        let (Some(since), Some(other_since)) = (self.works_since, other.works_since) else { return false };
        other_since < since && age > now.saturating_sub(since) && !other.records.contains_key(key)
    }
}

/// Returns the members of both lists, in the order of their names, without those that a sweep of this age would have removed.
pub(super) fn merged(listings: &mut [Listing; 2], now: Duration, swept_after: Duration) -> Vec<MemberRecord> {
    let [first, second] = listings;
    first.heed(second);
    second.heed(first);
    let mut holders: BTreeMap<Name, MemberRecord> = BTreeMap::new();
    for (listing, other) in [(&*first, &*second), (&*second, &*first)] {
        for (key, record) in listing.aged(now) {
            if record.age > swept_after || listing.may_have_missed_a_leave(key, record.age, now, other) {
                continue;
            }
            match holders.entry(key.0.clone()) {
                Entry::Vacant(vacant) => drop(vacant.insert(record)),
                Entry::Occupied(mut holder) if replaces(&record, holder.get()) => drop(holder.insert(record)),
                Entry::Occupied(_) => {}
            }
        }
    }
    holders.into_values().collect()
}

/// True if the incarnation of this record started before this member.
pub(super) fn started_before(record: &MemberRecord, member: &Member) -> bool {
    lifetime(record) >= member.uptime + UPTIME_GRAIN
}

/// True if this record is a later one of the same incarnation, or of one that started later.
fn replaces(record: &MemberRecord, holder: &MemberRecord) -> bool {
    if record.member.key.incarnation == holder.member.key.incarnation {
        return record.age < holder.age;
    }
    (lifetime(record), record.age) < (lifetime(holder), holder.age)
}

/// Returns the time since the incarnation started.
fn lifetime(record: &MemberRecord) -> Duration {
    record.age + record.member.uptime
}

fn key(member: &Member) -> Key {
    ((member.key.worker.clone(), member.installation), member.key.incarnation)
}
