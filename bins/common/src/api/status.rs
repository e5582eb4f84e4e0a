//! `GET /status.txt`: the view as plain text.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::access::Reader;
use super::error::ErrorBody;
use crate::view::{Notice, Server, View};

/// Returns the view as plain text.
#[utoipa::path(get, path = "/status.txt", responses(
    (status = 200, body = String, content_type = "text/plain"),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
))]
pub(super) async fn status(_: Reader, State(api): State<Arc<Api>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (headers, status_text(&api.feed.frame().view)).into_response()
}

/// Returns a view as plain text. Its first line names everything that is paused, pinned, cordoned, held or away.
#[must_use]
pub fn status_text(view: &View) -> String {
    let mut text = match &view.notices[..] {
        [] => "nothing is paused, pinned, cordoned or held\n".to_owned(),
        notices => format!("{}\n", notices.iter().map(notice).collect::<Vec<_>>().join("; ")),
    };
    // Writing to a string cannot fail.
    let _ = write_rest(&mut text, view);
    text
}

fn write_rest(text: &mut String, view: &View) -> std::fmt::Result {
    writeln!(text, "as of {}, {} ms ago, version {}", view.at, view.age_ms, view.version)?;
    match &view.leader {
        None => writeln!(text, "leader: none")?,
        Some(leader) => writeln!(text, "leader: {} in term {} since {}", leader.candidate, leader.term, leader.since)?,
    }
    let totals = &view.totals;
    writeln!(text, "{} items in {} slots on {} workers", totals.items, totals.slots, totals.workers)?;
    writeln!(text, "{} slots without an owner, {} late", totals.unowned_slots, totals.late_slots)?;
    writeln!(
        text,
        "{:.1} increments/s, most loaded worker at {:.2} of the mean",
        totals.increments_per_s, totals.most_over_mean
    )?;
    match &view.audit {
        None => writeln!(text, "audit: none has ended yet")?,
        Some(audit) => {
            writeln!(
                text,
                "audit: {} doubles and {} missed in {} items at {}",
                audit.doubles, audit.missed, audit.items, audit.at
            )?;
        }
    }
    view.stores.iter().try_for_each(|server| writeln!(text, "{}", server_text(server)))?;
    writeln!(text, "\nWORKERS")?;
    for worker in &view.workers.shown {
        let phase = serde_json::to_value(worker.phase).ok();
        let phase = phase.as_ref().and_then(|phase| phase.as_str()).unwrap_or_default();
        writeln!(text, "{} {phase}, {} items in {} slots", worker.name, worker.items, worker.slots)?;
    }
    let hidden = view.workers.total.saturating_sub(view.workers.shown.len() as u64);
    if hidden > 0 {
        writeln!(text, "and {hidden} more")?;
    }
    writeln!(text, "\nREBALANCES")?;
    for rebalance in &view.rebalances {
        let took = rebalance.duration_ms.map_or("still running".to_owned(), |ms| format!("{ms} ms"));
        let (slots, least) = (rebalance.slots, rebalance.slots_minimum);
        writeln!(text, "{} {}: {slots} slots (minimum {least}), {took}", rebalance.at, rebalance.cause)?;
    }
    writeln!(text, "\nEVENTS")?;
    view.events.iter().try_for_each(|event| writeln!(text, "{} {}: {}", event.at, event.kind, event.text))
}

fn notice(notice: &Notice) -> String {
    let by = notice.by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
    format!("{} since {}{by}", notice.text, notice.since)
}

fn server_text(server: &Server) -> String {
    match &server.error {
        None => format!("{}: answers, last {} ms ago", server.name, server.age_ms),
        Some(error) => format!("{}: AWAY since {}: {error}", server.name, server.since),
    }
}
