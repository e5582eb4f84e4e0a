//! The demo as a program, on a file that outlives it.

use crate::programs::{Program, Which};
use crate::system::eventually;

/// Number of items of the demo.
const ITEMS: usize = 10;

fn start(file: &str, words: &[&str]) -> Program {
    let words = [&["demo", "--slots", "256", "--file", file], words].concat();
    Program::start(Which::Tool, &words, &[])
}

/// Returns the minimum of the values in the summary, and checks that all of them are exact.
fn minimum(demo: &Program) -> u64 {
    let exact = format!("every value equals the ticks of its slot: yes, {ITEMS} of {ITEMS}");
    assert!(demo.out.contain(&exact), "{demo:?}");
    let value = |line: String| line.split_once("minimum ")?.1.split(',').next()?.parse().ok();
    demo.out.all().into_iter().filter(|line| line.starts_with("sum of values")).find_map(value).unwrap()
}

#[tokio::test]
async fn a_demo_on_a_file_goes_on_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demo.db").to_str().unwrap().to_owned();
    let mut least = 0;
    for life in 0..3 {
        // It would run for ten minutes; it is killed before.
        let demo = start(&file, &["--seconds", "600"]);
        let watched = || demo.out.all().iter().filter(|line| line.contains(" watching ")).count();
        eventually("workers work", async || if watched() > 9 { Ok(()) } else { Err(format!("{demo:?}")) }).await;
        let mut second = start(&file, &["--seconds", "1"]);
        assert_eq!(second.ended().await, 64, "{second:?}");
        assert!(second.err.contain("demo.db: another process has opened this file"), "{second:?}");
        demo.kill();

        let mut demo = start(&file, &["--seconds", "4"]);
        assert_eq!(demo.ended().await, 0, "{demo:?}");
        let now = minimum(&demo);
        assert!(now > least + 2, "life {life}: {now} after {least}: {demo:?}");
        least = now;
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_and_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "no database, but a text of some length\n".repeat(50)).unwrap();
    let mut demo = start(file.to_str().unwrap(), &[]);
    assert_eq!(demo.ended().await, 64, "{demo:?}");
    assert!(demo.err.contain("--file: ") && demo.err.contain("notes.txt: not a file of this program"), "{demo:?}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("no database"));
    let mut demo = start(folder.path().join("missing/demo.db").to_str().unwrap(), &[]);
    assert_eq!(demo.ended().await, 64, "{demo:?}");
    assert!(demo.err.contain("missing/demo.db: cannot be used"), "{demo:?}");
}
