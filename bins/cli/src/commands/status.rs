//! `notifi-scaler status`: shows the leader, and the slots and items of each worker.

use std::time::Duration;

use notifi_scaler_common::Failure;
use notifi_scaler_common::overview::{Overview, refusal};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::text::millis;
use scaler_core::{Assignment, MemberRecord};
use scaler_pg::Leader;
use serde_json::{Value, json};

use super::servers::Servers;
use super::{StatusArgs, check};
use crate::table::{Align, Table};

pub(super) async fn run(args: &StatusArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let servers = Servers::open(&args.servers).await?;
    let seen = Seen { leader: servers.store.leader().await?, overview: servers.overview().await? };
    args.output.finish(lines, || seen.text(), || seen.document());
    let amiss =
        if args.check { [seen.amiss(args.tolerance_percent), check::watch(&servers.store).await?].concat() } else { Vec::new() };
    servers.members_failure()?;
    if amiss.is_empty() { Ok(()) } else { Err(Failure::Check(amiss)) }
}

/// State of the system, and its leader.
#[derive(Debug)]
struct Seen {
    leader: Option<Leader>,
    overview: Overview,
}

impl Seen {
    /// Returns the text. Its first line names what operators asked for and what holds rebalancing, if there is anything.
    fn text(&self) -> String {
        let Assignment { installation, tick, .. } = &self.overview.assignment;
        let notices = self.overview.notices();
        let notices = if notices.is_empty() { String::new() } else { format!("{}\n", notices.join("; ")) };
        let workers = self.workers_text();
        let refusals = self.refusals().into_iter().map(|line| format!("\n{line}")).collect::<String>();
        let strangers = self.strangers_text().map_or_else(String::new, |text| format!("\n{text}"));
        format!(
            "{notices}{}\ninstallation {installation}, {} slots, tick {tick}\n\n{workers}{refusals}{strangers}",
            self.leader_text(),
            self.overview.load.slots()
        )
    }

    fn document(&self) -> Value {
        let Assignment { installation, tick, .. } = &self.overview.assignment;
        let leader = self.leader.as_ref().map(|leader| {
            json!({
                "candidate": leader.term.holder.to_string(), "term": leader.term.number,
                "expires_in_ms": millis(leader.expires_in), "deaf_for_ms": leader.deaf_for.map(millis),
            })
        });
        let workers = super::workers::document(&self.overview);
        json!({
            "notices": self.overview.notices(), "leader": leader, "installation": installation.to_string(), "tick": tick.0,
            "slots": self.overview.load.slots().get(), "items": self.overview.load.total(), "unowned_slots": self.overview.unowned(),
            "members_known": workers["members_known"], "workers": workers["workers"], "refusals": self.refusals(),
            "strangers": self.overview.strangers.iter().map(|record| record.member.key.worker.to_string()).collect::<Vec<_>>(),
        })
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
        self.overview.members.iter().flatten().filter_map(refusal).collect()
    }

    fn strangers_text(&self) -> Option<String> {
        let name = |record: &MemberRecord| format!("{} ({})", record.member.key.worker, record.member.installation);
        let names = self.overview.strangers.iter().map(name).collect::<Vec<_>>().join(", ");
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
        let workers = self.overview.workers();
        for (worker, state) in &workers {
            table.row([
                worker.to_string(),
                state.phase.to_string(),
                state.slots.to_string(),
                state.items.to_string(),
                state.last_tick.map_or("never".to_owned(), |tick| ago(self.overview.assignment.tick.since(tick))),
                match (&self.overview.members, state.heartbeat()) {
                    (None, _) => "unknown".to_owned(),
                    (_, None) => "none".to_owned(),
                    (_, Some(age)) => format!("{:.1} s ago", age.as_secs_f64()),
                },
            ]);
        }
        let slots: u64 = workers.values().map(|state| state.slots).sum();
        let items: u64 = workers.values().map(|state| state.items).sum();
        table.totals(["total".into(), String::new(), slots.to_string(), items.to_string(), String::new(), String::new()]);
        format!("{table}\n\n{} slots without an owner; {}", self.overview.unowned(), evenness(&self.carried()))
    }

    /// Returns the problems at this moment. Without items, no workers are needed.
    fn amiss(&self, tolerance: f64) -> Vec<String> {
        let led = self.leader.as_ref().is_some_and(|leader| leader.expires_in > Duration::ZERO);
        let mut amiss = Vec::new();
        if !led {
            amiss.push(self.leader_text());
        }
        amiss.extend(self.refusals());
        if self.overview.load.total() > 0 {
            amiss.extend(Some(self.overview.unowned()).filter(|n| *n > 0).map(|n| format!("{n} slots have no owner")));
            amiss.extend(check::unevenness(&self.carried(), self.overview.load.heaviest().into(), tolerance));
        }
        amiss
    }

    /// Returns the number of items of each worker that has slots or may be given some.
    fn carried(&self) -> Vec<u64> {
        self.overview.workers().values().filter(|state| state.carries()).map(|state| state.items).collect()
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
    use scaler_core::{
        Epoch, Incarnation, InstallationId, Member, MemberKey, MemberState, RecordedWish, Slot, SlotCount, SlotLoad, SlotRange,
        SlotState, Tick, Wish, WorkerId,
    };
    use uuid::Uuid;

    use super::*;

    fn key(name: &str) -> MemberKey {
        MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::nil()) }
    }

    const OURS: InstallationId = InstallationId::new(Uuid::from_u128(7));

    fn seen(members: Option<&[MemberRecord]>) -> Seen {
        let slots = SlotCount::new(4).unwrap();
        let owned = |name, tick| SlotState { owner: Some(key(name)), epoch: Epoch(1), last_tick: Tick(tick) };
        let assignment = Assignment {
            installation: OURS,
            tick: Tick(100),
            tick_length: Duration::from_secs(1),
            range: SlotRange::ALL,
            slots: vec![owned("worker-1", 100), owned("worker-1", 99), owned("worker-2", 90), SlotState::default()],
            sessions: None,
        };
        let overview = Overview {
            assignment,
            load: SlotLoad::of_items(slots, [(Slot::new(0), 2), (Slot::new(2), 1)]),
            members: members.map(<[_]>::to_vec),
            strangers: Vec::new(),
            wishes: Vec::new(),
        };
        Seen { leader: None, overview }
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
        let mut seen = seen(Some(&members));
        seen.overview.strangers.push(stranger);
        let text = seen.text();
        assert!(text.ends_with("get no slots: worker-9 (00000000-0000-0000-0000-000000000007)"), "{text}");
    }

    #[test]
    fn a_missing_leader_and_unowned_slots_are_problems() {
        let amiss = seen(None).amiss(0.1);
        assert_eq!(amiss, ["no control plane has been elected leader yet", "1 slots have no owner"]);
        let mut idle = seen(None);
        idle.overview.load = SlotLoad::of_items(SlotCount::new(4).unwrap(), []);
        assert_eq!(idle.amiss(0.1), ["no control plane has been elected leader yet"], "without items, slots need no owner");
    }

    #[test]
    fn without_the_membership_states_follow_from_the_ticks() {
        let text = seen(None).text();
        assert!(text.contains("worker-1  healthy      2      2  this tick    unknown"), "{text}");
        assert!(text.contains("worker-2  dead "), "{text}");
    }
    #[test]
    fn the_first_line_names_what_operators_asked_for() {
        let wish = |wish, note: &str, since| RecordedWish {
            wish,
            by: "alice".into(),
            note: note.into(),
            since: Duration::from_secs(since),
        };
        let mut seen = seen(None);
        seen.overview.wishes = vec![wish(Wish::Pause, "disk", 40)];
        let first = |seen: &Seen| seen.text().lines().next().unwrap().to_owned();
        assert_eq!(first(&seen), "rebalancing is paused since 1970-01-01T00:00:40.000Z (1 min ago) by alice: disk");
        let pin = |slot| wish(Wish::Pin(Slot::new(slot), WorkerId::new("worker-1").unwrap()), "", 99);
        seen.overview.wishes.push(pin(1));
        assert!(first(&seen).contains("; slot 1 is pinned to worker-1 since "), "{}", first(&seen));
        assert_eq!(seen.document()["notices"].as_array().unwrap().len(), 2);
        seen.overview.wishes.extend((2..9).map(pin));
        assert!(first(&seen).contains("; 8 slots are pinned, the first since "), "{}", first(&seen));
    }
}
