//! Measures our rings and the published crates in one run.
//!
//! `placement [--quick] [--json]`: a table of ratios and the targets, or the targets as JSON.

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
    let (mut scale, mut as_json) = (Scale::FULL, false);
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--quick" => scale = Scale::QUICK,
            "--json" => as_json = true,
            other => {
                eprintln!("placement: what is {other}? It takes --quick and --json");
                return ExitCode::from(64);
            }
        }
    }
    let mut fields = Vec::new();
    for (workers, slots) in scale.sizes {
        eprintln!("placement: {workers} workers, {slots} slots, {} items", scale.items);
        fields.push(measure::measure(*workers, *slots, scale));
    }
    let mut targets: Vec<Target> = fields.iter().flat_map(targets::of).collect();
    targets.extend(table_sizes(scale));
    if as_json {
        println!("{:#}", json!({ "rows": targets.iter().map(Target::json).collect::<Vec<_>>() }));
    } else {
        println!("{}", report::table(&fields));
        targets.iter().for_each(|target| println!("{}", line(target)));
    }
    ExitCode::SUCCESS
}

fn line(target: &Target) -> String {
    let peer = target.peer.map_or(String::new(), |peer| format!(" ({peer})"));
    let mark = if target.is_met() { "met   " } else { "MISSED" };
    format!("{mark} {}{peer}: {:.4}, at most {:.4}", target.name, target.value, target.limit)
}

/// Bytes of a ring over what is allowed, counted by a program whose allocator counts, which would slow this one down.
fn table_sizes(scale: Scale) -> Vec<Target> {
    let counter = std::env::current_exe().map(|program| program.with_file_name("table-size"));
    let size = |(workers, slots): &(u32, u32)| {
        let words = [slots.to_string(), workers.to_string()];
        let counted = std::process::Command::new(counter.as_ref().ok()?).args(words).output().ok()?;
        let value = String::from_utf8(counted.stdout).ok()?.trim().parse().ok()?;
        let name = format!("bytes of the table, {workers} workers, {slots} slots");
        Some(Target { name, value, limit: f64::from(12 * slots + 64 * workers), peer: None })
    };
    scale.sizes.iter().filter_map(size).collect()
}
