//! Rows a second and lag, against items and against workers, as an SVG.

use std::fmt::Write;

use super::Life;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 240.0;
const MARGIN: f64 = 64.0;

/// A line in a field: where its points lie, from 0 to 1 each, and what stands beside them.
struct Line {
    title: &'static str,
    /// Across and up, with the labels of both.
    points: Vec<(f64, f64, String, String)>,
}

/// Two fields beside each other for each series, one for rows a second and one for lag.
pub(crate) fn plot(by_items: &[Life], by_workers: &[Life]) -> String {
    let items = |life: &Life| f64::from(life.items);
    let workers = |life: &Life| f64::from(life.workers);
    #[expect(clippy::cast_precision_loss, reason = "a place on a picture")]
    let lag = |life: &Life| life.seen.lag_ms(0.99) as f64;
    let fields = [
        Line::new("rows/s by items", by_items, items, Life::rows_per_s),
        Line::new("p99 lag in ms by items", by_items, items, lag),
        Line::new("rows/s by workers", by_workers, workers, Life::rows_per_s),
        Line::new("p99 lag in ms by workers", by_workers, workers, lag),
    ];
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"11\">\n",
        2.0 * (WIDTH + MARGIN),
        2.0 * (HEIGHT + MARGIN)
    );
    svg.push_str("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    for (place, field) in fields.iter().enumerate() {
        let left = if place % 2 == 0 { 0.0 } else { WIDTH + MARGIN };
        let top = if place < 2 { 0.0 } else { HEIGHT + MARGIN };
        field.draw(&mut svg, left, top);
    }
    svg.push_str("</svg>\n");
    svg
}

impl Line {
    fn new(title: &'static str, lives: &[Life], across: impl Fn(&Life) -> f64, up: impl Fn(&Life) -> f64) -> Self {
        let least = lives.iter().map(&across).fold(f64::INFINITY, f64::min).ln();
        let span = (lives.iter().map(&across).fold(1.0, f64::max).ln() - least).max(f64::EPSILON);
        let highest = lives.iter().map(&up).fold(1.0, f64::max);
        let point = |life: &Life| {
            let (x, y) = (across(life), up(life));
            // Items and workers grow by factors; what comes of them is shown as it is.
            ((x.ln() - least) / span, y / highest, short(x), format!("{y:.0}"))
        };
        Self { title, points: lives.iter().map(point).collect() }
    }

    fn draw(&self, svg: &mut String, left: f64, top: f64) {
        let x = |share: f64| left + MARGIN / 2.0 + share * (WIDTH - MARGIN);
        let y = |share: f64| top + MARGIN / 2.0 + (1.0 - share) * (HEIGHT - MARGIN);
        let (title_x, title_y, floor) = (left + WIDTH / 2.0, top + 14.0, y(0.0));
        _ = writeln!(
            svg,
            "<text x=\"{title_x:.0}\" y=\"{title_y:.0}\" text-anchor=\"middle\" font-weight=\"bold\">{}</text>",
            self.title
        );
        _ = writeln!(
            svg,
            "<path d=\"M{:.1} {:.1}V{floor:.1}H{:.1}\" fill=\"none\" stroke=\"#888\"/>",
            x(0.0) - 8.0,
            y(1.0) - 8.0,
            x(1.0) + 8.0
        );
        let line: Vec<String> = self.points.iter().map(|(across, up, ..)| format!("{:.1},{:.1}", x(*across), y(*up))).collect();
        _ = writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"2\"/>", line.join(" "));
        for (across, up, below, above) in &self.points {
            let (x, y) = (x(*across), y(*up));
            _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#1f6feb\"/>");
            _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{above}</text>", y - 7.0);
            _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{below}</text>", floor + 14.0);
        }
    }
}

/// A number in few characters, as points may lie close to each other.
fn short(number: f64) -> String {
    if number < 1000.0 { format!("{number:.0}") } else { format!("{:.0}k", number / 1000.0) }
}
