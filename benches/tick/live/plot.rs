//! Plots of rows per second and of lag, against items and against workers, as an SVG.

use plotters::prelude::*;

use super::Life;
use crate::field::Failure;

const SIZE: (u32, u32) = (980, 620);
const FONT: &str = "sans-serif";

/// One plot: the horizontal axis is logarithmic, the vertical one starts at 0.
struct Chart {
    title: &'static str,
    points: Vec<(f64, f64)>,
}

/// Returns an SVG of four plots: rows per second and the 99th percentile of the lag, by items above and by workers below.
///
/// # Errors
/// If a plot has no room for its axes.
pub(crate) fn plot(by_items: &[Life], by_workers: &[Life]) -> Result<String, Failure> {
    let items = |life: &Life| f64::from(life.items);
    let workers = |life: &Life| f64::from(life.workers);
    #[expect(clippy::cast_precision_loss, reason = "a place on a picture")]
    let lag = |life: &Life| life.seen.lag_ms(0.99) as f64;
    let charts = [
        Chart::new("rows/s by items", by_items, items, Life::rows_per_s),
        Chart::new("p99 lag in ms by items", by_items, items, lag),
        Chart::new("rows/s by workers", by_workers, workers, Life::rows_per_s),
        Chart::new("p99 lag in ms by workers", by_workers, workers, lag),
    ];
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        for (chart, area) in charts.iter().zip(root.split_evenly((2, 2))) {
            chart.draw(&area)?;
        }
        root.present()?;
    }
    Ok(svg)
}

impl Chart {
    fn new(title: &'static str, lives: &[Life], across: impl Fn(&Life) -> f64, up: impl Fn(&Life) -> f64) -> Self {
        Self { title, points: lives.iter().map(|life| (across(life), up(life))).collect() }
    }

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<(), Failure> {
        let across = || self.points.iter().map(|point| point.0);
        let (least, most) = (across().fold(f64::INFINITY, f64::min), across().fold(1.0, f64::max));
        let highest = self.points.iter().map(|point| point.1).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, (FONT, 15))
            .margin(12)
            .x_label_area_size(28)
            .y_label_area_size(68)
            .build_cartesian_2d((least * 0.8..most * 1.25).log_scale(), 0.0..highest * 1.1)?;
        let short = |number: &f64| short(*number);
        chart.configure_mesh().light_line_style(TRANSPARENT).x_label_formatter(&short).y_label_formatter(&short).draw()?;
        chart.draw_series(LineSeries::new(self.points.iter().copied(), BLUE.stroke_width(2)).point_size(3))?;
        Ok(())
    }
}

/// Returns a number in few characters, since labels may lie close to each other.
fn short(number: f64) -> String {
    if number < 1000.0 { format!("{number:.0}") } else { format!("{:.0}k", number / 1000.0) }
}
