//! The table of ratios, as Markdown.

use std::fmt::Write;

use crate::contender::Class;
use crate::measure::{Field, Found, Moves};
use crate::ours::STICKY;

/// A column: its heading, and what is compared.
struct Column {
    heading: &'static str,
    value: fn(&Found) -> Option<f64>,
    shape: Shape,
}

/// Text of the cells of the other contenders.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Their value over ours.
    Ratio,
    /// Their value, which is a ratio already.
    Value,
}

const COLUMNS: [Column; 6] = [
    Column { heading: "look-up", value: |found| found.look_up_ns, shape: Shape::Ratio },
    Column { heading: "join, with its list", value: |found| found.join_us, shape: Shape::Ratio },
    Column { heading: "max/mean", value: |found| of(found, |moves| moves.even_built), shape: Shape::Value },
    Column { heading: "after a join", value: |found| of(found, |moves| moves.even_joined), shape: Shape::Value },
    Column { heading: "moved by a join", value: |found| of(found, |moves| moves.join_over_gain), shape: Shape::Value },
    Column { heading: "moved by a leave", value: |found| of(found, |moves| moves.leave), shape: Shape::Value },
];

/// Two that differ by less than this share a rank: the table shows no more.
const ALIKE: f64 = 0.00005;

/// The table, with our rank in each column, marked where it is not the first.
pub fn table(fields: &[Field]) -> String {
    let mut text = String::from("| workers | slots | ring |");
    COLUMNS.iter().for_each(|column| _ = write!(text, " {} |", column.heading));
    text.push_str("\n|--:|--:|---|");
    COLUMNS.iter().for_each(|_| text.push_str("--:|"));
    text.push('\n');
    for field in fields {
        let ours = field.results.iter().find(|found| found.name == STICKY);
        for found in &field.results {
            let name = if found.class == Class::Ours { format!("**{}**", found.name) } else { found.name.clone() };
            _ = write!(text, "| {} | {} | {name} |", field.workers, field.slots);
            COLUMNS.iter().for_each(|column| _ = write!(text, " {} |", cell(column, found, ours)));
            text.push('\n');
        }
        _ = write!(text, "| {} | {} | *rank of {STICKY}* |", field.workers, field.slots);
        COLUMNS.iter().for_each(|column| _ = write!(text, " {} |", rank(column, field)));
        text.push('\n');
    }
    text
}

fn cell(column: &Column, found: &Found, ours: Option<&Found>) -> String {
    let Some(value) = (column.value)(found) else { return "-".to_owned() };
    match (column.shape, ours.and_then(column.value)) {
        (Shape::Ratio, Some(own)) => times(value / own),
        _ => format!("{value:.4}"),
    }
}

/// Our place among all who are not ours.
fn rank(column: &Column, field: &Field) -> String {
    let Some(own) = field.results.iter().find(|found| found.name == STICKY).and_then(column.value) else { return "-".to_owned() };
    let peers: Vec<f64> = field.results.iter().filter(|found| found.class == Class::Peer).filter_map(column.value).collect();
    let rank = 1 + peers.iter().filter(|value| **value < own - ALIKE).count();
    let of = peers.len() + 1;
    if rank == 1 { format!("1 of {of}") } else { format!("**{rank} of {of}** ⚠") }
}

fn of(found: &Found, pick: fn(&Moves) -> f64) -> Option<f64> {
    found.quality.as_ref().map(pick)
}

fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}x") } else { format!("{ratio:.0}x") }
}
