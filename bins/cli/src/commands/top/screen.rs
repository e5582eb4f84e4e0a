//! Screen of `top`: totals, workers with bars, notices, and the last events.

use notifi_scaler_common::overview::{Overview, WorkerState};
use notifi_scaler_common::utc::age;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use scaler_core::control::MemberPhase;
use scaler_core::{RecordedEvent, WorkerId};

/// Width of a bar, in cells.
const BAR: u64 = 30;

/// Lines of the screen.
#[derive(Debug, Default)]
pub(super) struct Screen {
    head: Vec<Line<'static>>,
    workers: Vec<Line<'static>>,
    events: Vec<Line<'static>>,
    error: Option<String>,
}

impl Screen {
    /// Returns the screen of what was read. Events are newest first.
    pub(super) fn of(is_led: bool, overview: &Overview, events: &[RecordedEvent]) -> Self {
        let workers = overview.workers();
        let mut head = vec![Line::from(format!(
            "{} items  {} slots  {} workers  {} slots without an owner  tick {}  {}",
            overview.load.total(),
            overview.load.slots(),
            workers.len(),
            overview.unowned(),
            overview.assignment.tick,
            if is_led { "led" } else { "NO LEADER" },
        ))];
        head.extend(overview.notices().into_iter().map(|notice| Line::from(notice).yellow()));
        if overview.members.is_none() {
            head.push(Line::from("the members cannot be read").red());
        }
        let most = workers.values().map(|state| state.items).max().unwrap_or(0);
        let width = workers.keys().map(|worker| worker.as_str().len()).max().unwrap_or(0);
        let now = overview.store_time();
        let event = |recorded: &RecordedEvent| {
            Line::from(format!("{:>6} ago  {}", age(now.saturating_sub(recorded.at)), recorded.event.text))
        };
        Self {
            head,
            workers: workers.iter().map(|(worker, state)| row(worker, state, width, most)).collect(),
            events: events.iter().map(event).collect(),
            error: None,
        }
    }

    /// Marks the screen as old, for this reason.
    pub(super) fn fail(&mut self, reason: &str) {
        self.error = Some(reason.to_owned());
    }

    /// Draws the screen. Workers that do not fit are counted.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let mut head = self.head.clone();
        if let Some(error) = &self.error {
            head.insert(0, Line::from(format!("not up to date: {error}")).red());
        }
        let height = |lines: usize| u16::try_from(lines).unwrap_or(u16::MAX);
        let parts = [
            Constraint::Length(height(head.len() + 1)),
            Constraint::Min(1),
            Constraint::Length(height(self.events.len() + 1)),
            Constraint::Length(1),
        ];
        let [top, middle, bottom, foot] = Layout::vertical(parts).areas(frame.area());
        frame.render_widget(Paragraph::new(head), top);
        frame.render_widget(Paragraph::new(self.fitting(middle.height.into())), middle);
        frame.render_widget(Paragraph::new(self.events.clone()), bottom);
        frame.render_widget(Paragraph::new("q quits").dim(), foot);
    }

    fn fitting(&self, height: usize) -> Vec<Line<'static>> {
        if self.workers.len() <= height {
            return self.workers.clone();
        }
        let shown = height.saturating_sub(1);
        let more = self.workers.len() - shown;
        self.workers.iter().take(shown).cloned().chain([Line::from(format!("and {more} more workers"))]).collect()
    }
}

fn row(worker: &WorkerId, state: &WorkerState, width: usize, most: u64) -> Line<'static> {
    let cells = (state.items * BAR).checked_div(most).unwrap_or(0);
    let bar: String = (0..BAR).map(|cell| if cell < cells { '█' } else { '·' }).collect();
    let color = match state.phase {
        MemberPhase::Healthy => Color::Green,
        MemberPhase::Dead | MemberPhase::CutOff | MemberPhase::Barred => Color::Red,
        _ => Color::Yellow,
    };
    Line::from(vec![
        Span::raw(format!("{:<width$}  ", worker.as_str())),
        Span::styled(format!("{:<8}  ", state.phase.to_string()), Style::new().fg(color)),
        Span::styled(bar, Style::new().fg(color)),
        Span::raw(format!("  {} items  {} slots", state.items, state.slots)),
    ])
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use scaler_core::{EventFilter, EventLog, Wish};

    use super::*;
    use crate::commands::testing::World;

    fn drawn(screen: &Screen, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(100, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let rows = buffer.content().chunks(100).map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
        rows.map(|row| row.trim_end().to_owned()).collect()
    }

    #[tokio::test]
    async fn the_screen_shows_totals_workers_notices_and_events() {
        let world = World::of(&[("worker-1", 4), ("worker-2", 2)]).await;
        world.wish(&Wish::Pause).await;
        let events = world.store.events(&EventFilter::default(), 8).await.unwrap();
        let mut screen = Screen::of(true, &world.overview().await, &events);
        let rows = drawn(&screen, 12);
        assert!(rows[0].starts_with("8 items  8 slots  2 workers  2 slots without an owner  tick "), "{rows:#?}");
        assert!(rows[1].starts_with("rebalancing is paused since "), "{rows:#?}");
        assert_eq!(rows[3], format!("worker-1  healthy   {}  4 items  4 slots", "█".repeat(30)));
        assert_eq!(rows[4], format!("worker-2  healthy   {}{}  2 items  2 slots", "█".repeat(15), "·".repeat(15)));
        assert!(rows.iter().any(|row| row.ends_with("ago  rebalancing is paused")), "{rows:#?}");
        assert_eq!(rows[11], "q quits");
        screen.fail("connection refused");
        assert_eq!(drawn(&screen, 12)[0], "not up to date: connection refused");
    }

    #[tokio::test]
    async fn workers_that_do_not_fit_are_counted() {
        let workers = ["a", "b", "c", "d", "e", "f"].map(|name| (name, 1));
        let rows = drawn(&Screen::of(false, &World::of(&workers).await.overview().await, &[]), 7);
        assert!(rows[0].ends_with("NO LEADER"), "{rows:#?}");
        assert!(rows.iter().any(|row| row.starts_with("and ") && row.ends_with(" more workers")), "{rows:#?}");
    }
}
