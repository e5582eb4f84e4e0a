//! Measures our rings and the published crates in one run.
//!
//! `placement [--quick] [--json] [--workers N]`: a table of ratios and the targets, or the targets as JSON; with any number
//! of workers that it knows, or with this one.

mod contender;
mod key;
mod measure;
mod ours;
mod peers;
mod report;
mod targets;

use std::process::ExitCode;

use measure::Scale;
use serde_json::json;
use targets::Target;

fn main() -> ExitCode {
    let (mut scale, mut as_json, mut only) = (Scale::FULL, false, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => scale = Scale::QUICK,
            "--json" => as_json = true,
            "--workers" => only = words.next(),
            other => {
                eprintln!("placement: what is {other}? It takes --quick, --json and --workers N");
                return ExitCode::from(64);
            }
        }
    }
    let sizes = scale.sizes.iter().filter(|(workers, _)| only.as_ref().is_none_or(|only| *only == workers.to_string()));
    let sizes: Vec<(u32, u32)> = sizes.copied().collect();
    if sizes.is_empty() {
        eprintln!("placement: --workers takes one of {:?}", scale.sizes.iter().map(|(workers, _)| workers).collect::<Vec<_>>());
        return ExitCode::from(64);
    }
    let mut fields = Vec::new();
    for (workers, slots) in &sizes {
        eprintln!("placement: {workers} workers, {slots} slots, {} items", scale.items);
        fields.push(measure::measure(*workers, *slots, scale));
    }
    let mut targets: Vec<Target> = fields.iter().flat_map(targets::of).collect();
    targets.extend(table_sizes(&sizes));
    if as_json {
        println!("{:#}", json!({ "rows": targets.iter().map(Target::json).collect::<Vec<_>>() }));
    } else {
        println!("{}", report::table(&fields));
        targets.iter().for_each(|target| println!("{}", line(target)));
    }
    ExitCode::SUCCESS
}

fn line(target: &Target) -> String {
    let peer = target.peer.as_ref().map_or(String::new(), |peer| format!(" ({peer})"));
    let mark = if target.is_met() { "met   " } else { "MISSED" };
    format!("{mark} {}{peer}: {:.4}, at most {:.4}", target.name, target.value, target.limit)
}

/// Bytes of a ring, counted by a program whose allocator counts, which would slow this one down.
fn table_sizes(sizes: &[(u32, u32)]) -> Vec<Target> {
    let counter = std::env::current_exe().map(|program| program.with_file_name("table-size"));
    let of_size = |(workers, slots): &(u32, u32)| {
        let words = [slots.to_string(), workers.to_string()];
        let counted = std::process::Command::new(counter.as_ref().ok()?).args(words).output().ok()?;
        let counted = String::from_utf8(counted.stdout).ok()?;
        let limit = f64::from(12 * slots + 64 * workers);
        let target = |(what, bytes): (&str, &str)| {
            let name = format!("bytes of the {what}, {workers} workers, {slots} slots");
            Some(Target { name, value: bytes.parse().ok()?, limit, peer: None })
        };
        ["table", "table with the planner's index"]
            .into_iter()
            .zip(counted.split_whitespace())
            .map(target)
            .collect::<Option<Vec<_>>>()
    };
    sizes.iter().filter_map(of_size).flatten().collect()
}
