//! `notifi-scaler status`: shows the leader, and the slots and items of each worker.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use notifi_scaler_common::Failure;
use notifi_scaler_common::config::Secrets;
use notifi_scaler_common::servers::{ServerWait, membership};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use scaler_core::control::{Heartbeat, MemberPhase, Session, Signals, Thresholds, phase_of};
use scaler_core::{Assignment, Incarnation, InstallationId, MemberRecord, Slot, SlotLoad, Tick, WorkStore, WorkerId};
use scaler_pg::Leader;

use super::refusal::refusal;
use super::{StatusArgs, check, open};
use crate::table::{Align, Table};

pub(super) async fn run(args: &StatusArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let endpoint = args.membership.endpoint(&Secrets::from_env())?;
    let store = open(&args.postgres, &args.wait).await?;
    // Its error describes best what is missing.
    store.probe_to_look().await?;
    let members = async || Ok(membership(&store, &endpoint, &args.membership).await?.members().await?);
    let members = ServerWait::at_most(args.wait.wait).until_ready(endpoint.servers.as_str(), members).await;
    let (leader, assignment, load) = (store.leader().await?, store.assignment().await?, store.census().await?);
    let ours = |record: &&MemberRecord| [assignment.installation, InstallationId::UNKNOWN].contains(&record.member.installation);
    let (members_of_ours, strangers): (Vec<_>, Vec<_>) = members.iter().flatten().partition(ours);
    let seen = Seen { leader, load, members: members.is_ok().then_some(members_of_ours), strangers, assignment };
    lines.finish(seen.text());
    let amiss = if args.check { [seen.amiss(args.tolerance_percent), check::watch(&store).await?].concat() } else { Vec::new() };
    members?;
    if amiss.is_empty() { Ok(()) } else { Err(Failure::Check(amiss)) }
}

/// State of the system, as read from the servers.
#[derive(Debug)]
struct Seen<'a> {
    leader: Option<Leader>,
    assignment: Assignment,
    load: SlotLoad,
    /// Members of this installation; `None` if the membership cannot be read.
    members: Option<Vec<&'a MemberRecord>>,
    /// Members of other installations.
    strangers: Vec<&'a MemberRecord>,
}

/// State of one worker, from the assignment and the membership.
#[derive(Debug, Default)]
struct Found<'a> {
    slots: u64,
    items: u64,
    last_tick: Option<Tick>,
    incarnations: BTreeSet<Incarnation>,
    record: Option<&'a MemberRecord>,
}

impl Seen<'_> {
    fn text(&self) -> String {
        let Assignment { installation, tick, .. } = &self.assignment;
        let workers = self.workers_text();
        let refusals = self.refusals().into_iter().map(|line| format!("\n{line}")).collect::<String>();
        let strangers = self.strangers_text().map_or_else(String::new, |text| format!("\n{text}"));
        format!(
            "{}\ninstallation {installation}, {} slots, tick {tick}\n\n{workers}{refusals}{strangers}",
            self.leader_text(),
            self.load.slots()
        )
    }

    fn leader_text(&self) -> String {
        match &self.leader {
            None => "no control plane has been elected leader yet".to_owned(),
            Some(leader) if leader.expires_in == Duration::ZERO => {
                format!("no control plane leads; the last leader was {}, {}", leader.term.holder, leader.term)
            }
            Some(leader) => {
                let deaf = leader.deaf_for.map_or_else(String::new, |time| {
                    format!("; it has received no heartbeat for {:.1} s, so workers that join get no slots", time.as_secs_f64())
                });
                format!(
                    "control plane {} leads, {}; its lease expires in {:.1} s unless renewed{deaf}",
                    leader.term.holder,
                    leader.term,
                    leader.expires_in.as_secs_f64()
                )
            }
        }
    }

    /// Returns the refusals by Postgres, as reported by the workers.
    fn refusals(&self) -> Vec<String> {
        self.members.iter().flatten().filter_map(|record| refusal(&record.member)).collect()
    }

    fn strangers_text(&self) -> Option<String> {
        let name = |record: &&MemberRecord| format!("{} ({})", record.member.key.worker, record.member.installation);
        let names = self.strangers.iter().map(name).collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("members of other installations that share this Redis key and get no slots: {names}"))
    }

    fn workers_text(&self) -> String {
        let mut table = Table::new([
            ("worker", Align::Left),
            ("state", Align::Left),
            ("slots", Align::Right),
            ("items", Align::Right),
            ("last tick", Align::Right),
            ("heartbeat", Align::Right),
        ]);
        let found = self.workers();
        let carried = self.carried(&found);
        for (worker, found) in &found {
            table.row([
                worker.to_string(),
                self.phase(found).to_string(),
                found.slots.to_string(),
                found.items.to_string(),
                found.last_tick.map_or("never".to_owned(), |tick| ago(self.assignment.tick.since(tick))),
                match (&self.members, found.record) {
                    (None, _) => "unknown".to_owned(),
                    (_, None) => "none".to_owned(),
                    (_, Some(record)) => format!("{:.1} s ago", record.age.as_secs_f64()),
                },
            ]);
        }
        let unowned = self.unowned();
        let (slots, items) =
            (found.values().map(|found| found.slots).sum::<u64>(), found.values().map(|found| found.items).sum::<u64>());
        table.totals(["total".into(), String::new(), slots.to_string(), items.to_string(), String::new(), String::new()]);
        format!("{table}\n\n{unowned} slots without an owner; {}", evenness(&carried))
    }

    /// Returns the problems at this moment. Without items, no workers are needed.
    fn amiss(&self, tolerance: f64) -> Vec<String> {
        let led = self.leader.as_ref().is_some_and(|leader| leader.expires_in > Duration::ZERO);
        let mut amiss = Vec::new();
        if !led {
            amiss.push(self.leader_text());
        }
        amiss.extend(self.refusals());
        if self.load.total() > 0 {
            amiss.extend(Some(self.unowned()).filter(|n| *n > 0).map(|n| format!("{n} slots have no owner")));
            amiss.extend(check::unevenness(&self.carried(&self.workers()), self.load.heaviest().into(), tolerance));
        }
        amiss
    }

    fn unowned(&self) -> usize {
        self.assignment.slots.iter().filter(|slot| slot.owner.is_none()).count()
    }

    /// Returns the number of items of each worker that has slots or may be given some.
    fn carried(&self, found: &BTreeMap<WorkerId, Found<'_>>) -> Vec<u64> {
        let able =
            |found: &Found<'_>| found.slots > 0 || matches!(self.phase(found), MemberPhase::Healthy | MemberPhase::Unheard);
        found.values().filter(|found| able(found)).map(|found| found.items).collect()
    }

    fn workers(&self) -> BTreeMap<WorkerId, Found<'_>> {
        let mut workers: BTreeMap<WorkerId, Found<'_>> = BTreeMap::new();
        for (slot, state) in (0..).map(Slot::new).zip(&self.assignment.slots) {
            let Some(owner) = &state.owner else { continue };
            let found = workers.entry(owner.worker.clone()).or_default();
            found.slots += 1;
            found.items += u64::from(self.load.of(slot));
            found.last_tick = found.last_tick.max(Some(state.last_tick));
            found.incarnations.insert(owner.incarnation);
        }
        for record in self.members.iter().flatten().copied() {
            let found = workers.entry(record.member.key.worker.clone()).or_default();
            found.last_tick = found.last_tick.max(record.member.last_tick);
            found.incarnations.insert(record.member.key.incarnation);
            found.record = Some(record);
        }
        workers
    }

    fn phase(&self, found: &Found<'_>) -> MemberPhase {
        let signals = Signals {
            heartbeat: match (&self.members, found.record) {
                (None, _) => Heartbeat::Unknown,
                (_, None) => Heartbeat::Absent,
                (_, Some(record)) => Heartbeat::Heard(record.age),
            },
            state: found.record.map(|record| record.member.state),
            // The current tick may still come.
            missed: found.last_tick.map(|last| self.assignment.tick.since(last).saturating_sub(1)),
            session: match &self.assignment.sessions {
                None => Session::Unknown,
                Some(open) if found.incarnations.is_disjoint(open) => Session::Gone,
                Some(_) => Session::Open,
            },
        };
        phase_of(&signals, &Thresholds::default())
    }
}

fn ago(ticks: u64) -> String {
    match ticks {
        0 => "this tick".to_owned(),
        ticks => format!("{ticks} ago"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people to look at")]
fn evenness(items: &[u64]) -> String {
    let (most, total) = (items.iter().max().copied().unwrap_or(0), items.iter().sum::<u64>());
    if total == 0 {
        return "no worker has items".to_owned();
    }
    format!("the most loaded worker has {most} items, {:.3} times the mean", most as f64 * items.len() as f64 / total as f64)
}

#[cfg(test)]
mod tests {
    use scaler_core::{Epoch, Member, MemberKey, MemberState, SlotCount, SlotState};
    use uuid::Uuid;

    use super::*;

    fn key(name: &str) -> MemberKey {
        MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::nil()) }
    }

    const OURS: InstallationId = InstallationId::new(Uuid::from_u128(7));

    fn seen(members: Option<&[MemberRecord]>) -> Seen<'_> {
        let slots = SlotCount::new(4).unwrap();
        let owned = |name, tick| SlotState { owner: Some(key(name)), epoch: Epoch(1), last_tick: Tick(tick) };
        let assignment = Assignment {
            installation: OURS,
            tick: Tick(100),
            tick_length: Duration::from_secs(1),
            slots: vec![owned("worker-1", 100), owned("worker-1", 99), owned("worker-2", 90), SlotState::default()],
            sessions: None,
        };
        Seen {
            leader: None,
            assignment,
            load: SlotLoad::of_items(slots, [(Slot::new(0), 2), (Slot::new(2), 1)]),
            members: members.map(|members| members.iter().collect()),
            strangers: Vec::new(),
        }
    }

    #[test]
    fn the_table_shows_state_and_load_of_each_worker() {
        let record = |name, age_ms| MemberRecord {
            member: Member { state: MemberState::Active, ..Member::joining(key(name), OURS) },
            age: Duration::from_millis(age_ms),
        };
        let expected = "\
no control plane has been elected leader yet
installation 00000000-0000-0000-0000-000000000007, 4 slots, tick 100

worker    state     slots  items  last tick   heartbeat
--------  --------  -----  -----  ---------  ----------
worker-1  healthy       2      2  this tick   0.4 s ago
worker-2  dead          1      1     10 ago  12.0 s ago
worker-3  starting      0      0      never   0.1 s ago
--------  --------  -----  -----  ---------  ----------
total                   3      3

1 slots without an owner; the most loaded worker has 2 items, 1.333 times the mean";
        let members = [record("worker-1", 400), record("worker-2", 12_000), record("worker-3", 100)];
        assert_eq!(seen(Some(&members)).text(), expected);
        let stranger = record("worker-9", 100);
        let text = Seen { strangers: vec![&stranger], ..seen(Some(&members)) }.text();
        assert!(text.ends_with("get no slots: worker-9 (00000000-0000-0000-0000-000000000007)"), "{text}");
    }

    #[test]
    fn a_missing_leader_and_unowned_slots_are_problems() {
        let amiss = seen(None).amiss(0.1);
        assert_eq!(amiss, ["no control plane has been elected leader yet", "1 slots have no owner"]);
        let idle = Seen { load: SlotLoad::of_items(SlotCount::new(4).unwrap(), []), ..seen(None) };
        assert_eq!(idle.amiss(0.1), ["no control plane has been elected leader yet"], "without items, slots need no owner");
    }

    #[test]
    fn without_the_membership_states_follow_from_the_ticks() {
        let text = seen(None).text();
        assert!(text.contains("worker-1  healthy      2      2  this tick    unknown"), "{text}");
        assert!(text.contains("worker-2  dead "), "{text}");
    }
}
