//! Terminal of `top`: reads the servers each second, draws, and quits by a key.

use std::time::Duration;

use notifi_scaler_common::Failure;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use scaler_core::{EventFilter, WorkStore};

use super::TopArgs;
use super::screen::Screen;
use crate::commands::servers::Servers;

/// Interval between two refreshes.
const INTERVAL: Duration = Duration::from_secs(1);
/// Number of events shown.
const EVENTS: usize = 8;

/// Shows the system until a key ends it, and leaves the terminal as it was.
pub(super) async fn show(args: &TopArgs) -> Result<(), Failure> {
    let servers = Servers::open(&args.servers).await?;
    let mut screen = Screen::default();
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let ended = refresh_until_quit(&servers, &mut screen, &mut terminal).await;
    ratatui::restore();
    ended
}

async fn refresh_until_quit(servers: &Servers, screen: &mut Screen, terminal: &mut DefaultTerminal) -> Result<(), Failure> {
    loop {
        match read(servers).await {
            Ok(read) => *screen = read,
            // The last screen stays, with the reason why it is old.
            Err(failure) => screen.fail(&failure.to_string()),
        }
        terminal.draw(|frame| screen.draw(frame)).map_err(failed)?;
        if tokio::task::block_in_place(quits).map_err(failed)? {
            return Ok(());
        }
    }
}

async fn read(servers: &Servers) -> Result<Screen, Failure> {
    let (leader, overview) = (servers.store.leader().await?, servers.overview().await?);
    let events = match servers.store.event_log() {
        Some(log) => log.events(&EventFilter::default(), EVENTS).await?,
        None => Vec::new(),
    };
    Ok(Screen::of(leader.is_some_and(|leader| !leader.expires_in.is_zero()), &overview, &events))
}

/// Waits until the next refresh is due, and returns true if a key asks to quit.
fn quits() -> std::io::Result<bool> {
    if !event::poll(INTERVAL)? {
        return Ok(false);
    }
    Ok(matches!(event::read()?, Event::Key(key) if is_quit(key)))
}

const fn is_quit(key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

const fn failed(source: std::io::Error) -> Failure {
    Failure::System { what: "using the terminal", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_escape_and_control_c_quit() {
        let key = |code, modifiers| is_quit(KeyEvent::new(code, modifiers));
        assert!(key(KeyCode::Char('q'), KeyModifiers::NONE) && key(KeyCode::Esc, KeyModifiers::NONE));
        assert!(key(KeyCode::Char('c'), KeyModifiers::CONTROL) && !key(KeyCode::Char('c'), KeyModifiers::NONE));
    }
}
