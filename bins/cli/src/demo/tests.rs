//! Tests of the whole system on paused time, where seconds pass at once.

use notifi_scaler_common::testing::Kept;
use scaler_core::TokioClock;
use tokio::sync::oneshot;

use super::*;
use crate::removal::Removal;

fn slots() -> SlotCount {
    SlotCount::new(256).unwrap()
}

struct Running {
    system: System,
    lines: StdoutWriter,
    kept: Kept,
}

impl Running {
    async fn start(workers: u32, items: u32) -> Self {
        Self::with_ring(RingKind::Sticky, workers, items).await
    }

    async fn with_ring(ring: RingKind, workers: u32, items: u32) -> Self {
        let kept = Kept::default();
        let lines = StdoutWriter::to(kept.clone()).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let store = DemoStore::in_memory(Arc::clone(&clock), slots());
        let feed = page::feed(clock, &store);
        let mut system = System::start(store, ring, items, lines.clone(), PrintIds::All, feed).await.unwrap();
        system.add_workers(workers);
        Self { system, lines, kept }
    }

    async fn after(&mut self, seconds: u64) -> Summary {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let summary = self.system.summary().await.unwrap();
        assert_eq!(summary.exact, summary.values.len(), "{summary}");
        summary
    }

    fn printed(&self) -> String {
        self.kept.text(&self.lines)
    }
}

fn items(summary: &Summary) -> Vec<u64> {
    let mut items: Vec<_> = summary.workers.iter().filter(|row| row.life == Life::Working).map(|row| row.items).collect();
    items.sort_unstable_by(|a, b| b.cmp(a));
    items
}

fn every_movement_was_minimal(summary: &Summary) {
    for entry in &summary.redistributions {
        assert_eq!(entry.cost, entry.lower_bound, "{entry:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn three_workers_share_ten_items_and_increment_each_once_per_tick() {
    let mut running = Running::start(3, 10).await;
    let before = running.after(3).await;
    assert_eq!(items(&before), [4, 3, 3]);
    let after = running.after(10).await;
    let grown: Vec<_> = after.values.iter().zip(&before.values).map(|(after, before)| after - before).collect();
    assert_eq!(grown, [10; 10]);
    assert_eq!(items(&after), [4, 3, 3]);
    every_movement_was_minimal(&after);
}

#[tokio::test(start_paused = true)]
async fn workers_take_over_from_a_killed_worker_and_a_new_worker_gets_its_share() {
    let mut running = Running::start(3, 10).await;
    running.after(3).await;
    let victim = "worker-2".parse().unwrap();
    running.system.kill(&victim).unwrap();
    assert_eq!(running.system.kill(&victim), Err(NotAtWork(victim)));
    let taken_over = running.after(7).await;
    assert_eq!(items(&taken_over), [5, 5]);
    let before = taken_over.redistributions.len();
    running.system.add_workers(1);
    let joined = running.after(3).await;
    assert_eq!(items(&joined), [4, 3, 3]);
    let moved: Vec<_> = joined.redistributions[before..].iter().map(|entry| entry.cost.items).collect();
    assert!(matches!(moved[..], [3 | 4]), "{joined}");
    assert_eq!(joined.workers.last().unwrap().name.as_str(), "worker-4");
    every_movement_was_minimal(&joined);
}

#[tokio::test(start_paused = true)]
async fn a_drained_worker_hands_over_without_a_missed_tick() {
    let mut running = Running::start(3, 10).await;
    let before = running.after(3).await;
    running.system.drain(&"worker-1".parse().unwrap()).unwrap();
    let after = running.after(10).await;
    let grown: Vec<_> = after.values.iter().zip(&before.values).map(|(after, before)| after - before).collect();
    assert_eq!(grown, [10; 10]);
    assert_eq!(items(&after), [5, 5]);
    assert_eq!(after.workers[0].life, Life::Left);
    assert!(running.printed().contains("# worker-1 exited: drained"), "{}", running.printed());
}

#[tokio::test(start_paused = true)]
async fn every_ring_works() {
    for ring in RingKind::ALL {
        let mut running = Running::with_ring(ring, 3, 100).await;
        let before = running.after(3).await;
        running.system.add_workers(1);
        running.system.drain(&"worker-2".parse().unwrap()).unwrap();
        let after = running.after(10).await;
        assert!(after.values.iter().zip(&before.values).all(|(after, before)| after - before == 10), "{ring}: {after}");
        assert_eq!(items(&after).iter().sum::<u64>(), 100, "{ring}: {after}");
        assert_eq!(after.workers.iter().filter(|row| row.life == Life::Left).count(), 1, "{ring}: {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn items_come_and_go() {
    let mut running = Running::start(2, 10).await;
    running.after(3).await;
    running.system.add_items(5).await.unwrap();
    assert_eq!(running.after(2).await.values.iter().filter(|value| **value > 0).count(), 15);
    assert_eq!(running.system.remove_items(&Removal::Any(12)).await.unwrap(), 12);
    assert_eq!(running.after(2).await.values.len(), 3);
    let last = running.printed().lines().rev().take(2).map(str::to_owned).collect::<Vec<_>>();
    let ids: usize = last.iter().map(|line| line.split(' ').filter(|word| word.len() == 36).count()).sum();
    assert_eq!(ids, 3, "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn the_printed_line_is_the_same_while_nothing_changes() {
    let mut running = Running::start(3, 10).await;
    running.after(3).await;
    let settled = running.printed().len();
    running.after(5).await;
    let printed = running.printed();
    for worker in ["worker-1", "worker-2", "worker-3"] {
        let mut lines: Vec<_> = printed[settled..].lines().filter(|line| line.starts_with(worker)).collect();
        assert_eq!(lines.len(), 5, "{printed}");
        lines.dedup();
        assert_eq!(lines.len(), 1, "{printed}");
        let mut words = lines[0].split(' ');
        assert_eq!((words.next(), words.next()), (Some(worker), Some("watching")));
        let count: usize = words.next().unwrap().parse().unwrap();
        let ids: Vec<_> = words.skip(1).collect();
        assert_eq!(ids.len(), count);
        assert!(ids.is_sorted(), "{printed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_runs_its_script_and_prints_each_step() {
    let Running { system, lines, kept } = Running::start(2, 4).await;
    system.add_items(1).await.unwrap();
    let mut session = Session { system, lines: lines.clone() };
    let script = "1s workers add 1\n2s worker kill worker-9\n3s items remove 2\n4s status\n5s quit\n6s items add 100";
    session.follow(parse_script(script).unwrap(), None, None).await;
    let summary = session.system.stop().await.unwrap();
    assert_eq!((summary.values.len(), summary.workers.len(), summary.exact), (3, 3, 3));
    let printed = kept.text(&lines);
    for said in [
        "# 1.0 s: 1 workers started",
        "# 2.0 s: no worker worker-9 is running",
        "# 3.0 s: 2 items removed",
        "# 4.0 s: status\nworker ",
    ] {
        assert!(printed.contains(said), "{said}: {printed}");
    }
    assert!(printed.contains("control-plane rebalance planned: unowned"), "{printed}");
}

#[tokio::test(start_paused = true)]
async fn commands_of_the_page_are_carried_out_and_answered() {
    let Running { system, lines, .. } = Running::start(2, 4).await;
    let mut session = Session { system, lines };
    let (requests, received) = mpsc::channel(1);
    let ask = async {
        let mut answers = Vec::new();
        for command in ["worker kill worker-2", "worker kill worker-2", "items add 3", "dance", "quit"] {
            let (reply, done) = oneshot::channel();
            requests.send(DemoRequest { command: command.to_owned(), reply }).await.unwrap();
            answers.push(done.await.unwrap());
        }
        answers
    };
    let answers = tokio::select! {
        () = session.follow(Vec::new(), None, Some(received)) => unreachable!("no command ends it"),
        answers = ask => answers,
    };
    assert_eq!(answers[0], Ok("worker-2 killed".to_owned()));
    assert_eq!(answers[1], Err("no worker worker-2 is running".to_owned()));
    assert_eq!(answers[2], Ok("3 items added".to_owned()));
    assert!(answers[3].as_ref().is_err_and(|error| error.contains("unknown command")), "{answers:?}");
    assert!(answers[4].as_ref().is_err_and(|error| error.contains("for the terminal")), "{answers:?}");
    assert_eq!(session.system.stop().await.unwrap().values.len(), 7);
}

#[test]
fn a_bad_script_is_named_before_anything_starts() {
    let missing = read(Path::new("/nowhere/script")).unwrap_err();
    assert!(missing.to_string().starts_with("/nowhere/script: "), "{missing}");
    let bad = ScriptError::Line { path: "steps".into(), line: 2, problem: parse_script("1s quit\n2s").unwrap_err().problem };
    assert_eq!((bad.to_string().as_str(), Failure::from(bad).code()), ("steps:2: no command follows the time", 64));
}
