//! The reference of the metrics, `docs/operate/metrics.md`, has exactly the metrics that the programs expose.

use std::collections::{BTreeMap, BTreeSet};

use notifi_scaler_common::metrics::{ControlMetrics, PhaseLabel, WishLabel, WorkerMetrics};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::{AuditMetrics, AutoscaleMetrics};

const PAGE: &str = include_str!("../../../../docs/operate/metrics.md");

/// Labels that metrics may have. Add one only if its values are a closed set: a series for each item would overload Prometheus.
const CLOSED_LABELS: [&str; 7] = ["class", "direction", "le", "phase", "reason", "server", "wish"];

#[test]
fn the_page_has_each_metric_with_its_type_unit_labels_and_help() {
    let registered = rows(&exposition());
    let written: BTreeSet<String> =
        PAGE.lines().filter(|line| line.starts_with("| `notifi_scaler_")).map(str::to_owned).collect();
    let missing: Vec<_> = registered.difference(&written).cloned().collect();
    let superfluous: Vec<_> = written.difference(&registered).cloned().collect();
    assert!(
        missing.is_empty() && superfluous.is_empty(),
        "docs/operate/metrics.md\nlacks these rows:\n{}\nhas these rows that no program exposes:\n{}",
        missing.join("\n"),
        superfluous.join("\n")
    );
}

#[test]
fn labels_have_a_closed_set_of_values() {
    for metric in metrics(&exposition()).into_values() {
        for label in metric.labels.keys() {
            assert!(CLOSED_LABELS.contains(&label.as_str()), "{label} of {metric:?}");
        }
    }
}

/// Returns the text that programs expose which have set every metric.
fn exposition() -> String {
    let mut registry = Registry::default();
    WorkerMetrics::register(&mut registry);
    let control = ControlMetrics::register(&mut registry);
    let audit = AuditMetrics::register(&mut registry);
    let autoscale = AutoscaleMetrics::register(&mut registry);
    // Only these are absent until a leader sets them.
    PhaseLabel::all().for_each(|label| drop(control.workers.get_or_create(&label)));
    WishLabel::all().for_each(|label| drop(control.wishes.get_or_create(&label)));
    drop(audit.oldest_transaction.get_or_create(&[]));
    autoscale.wanted.set(Some(1));
    autoscale.replicas.set(Some(1));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

/// Metric as exposed.
#[derive(Debug, Default)]
struct Metric {
    kind: String,
    unit: String,
    help: String,
    /// Values of each label, in the order in which they come.
    labels: BTreeMap<String, Vec<String>>,
}

/// Parses the metadata and the labels of an exposition, by the name of the metric.
fn metrics(exposition: &str) -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let mut name = String::new();
    for line in exposition.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", family, help] => {
                family.clone_into(&mut name);
                help.trim_end_matches('.').clone_into(&mut metrics.entry(name.clone()).or_default().help);
            }
            ["#", "TYPE", _, kind] => kind.clone_into(&mut metrics.entry(name.clone()).or_default().kind),
            ["#", "UNIT", _, unit] => unit.clone_into(&mut metrics.entry(name.clone()).or_default().unit),
            ["#", "EOF"] => {}
            _ => add_labels(line, &mut metrics.entry(name.clone()).or_default().labels),
        }
    }
    metrics
}

/// Adds the labels of a sample: `name{label="value",label="value"} 0`.
fn add_labels(sample: &str, labels: &mut BTreeMap<String, Vec<String>>) {
    let Some((_, rest)) = sample.split_once('{') else { return };
    let (inside, _) = rest.split_once('}').unwrap();
    for pair in inside.split(',').filter(|pair| !pair.is_empty()) {
        let (label, value) = pair.split_once('=').unwrap();
        let (values, value) = (labels.entry(label.to_owned()).or_default(), value.trim_matches('"').to_owned());
        if !values.contains(&value) {
            values.push(value);
        }
    }
}

/// Returns the row of each metric in the page: name, type, unit, labels with their values, meaning.
fn rows(exposition: &str) -> BTreeSet<String> {
    let row = |(family, metric): (String, Metric)| {
        let name = if metric.kind == "counter" { format!("{family}_total") } else { family };
        let label = |(label, mut values): (String, Vec<String>)| {
            // The order of a family is that of a hash map; the buckets of a histogram are no set of names.
            values.sort();
            let values: Vec<_> = values.iter().map(|value| format!("\"{value}\"")).collect();
            if label == "le" { "`le`".to_owned() } else { format!("`{label}`: {}", values.join(", ")) }
        };
        let labels: Vec<_> = metric.labels.into_iter().map(label).collect();
        let cells = [format!("`{name}`"), metric.kind, metric.unit, labels.join("; "), metric.help];
        cells.iter().fold("|".to_owned(), |row, cell| if cell.is_empty() { row + " |" } else { format!("{row} {cell} |") })
    };
    metrics(exposition).into_iter().map(row).collect()
}
