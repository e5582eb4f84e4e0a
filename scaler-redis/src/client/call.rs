//! Sends one command to the server that has the keys, even while these move to another server.

use std::sync::Arc;

use redis::{Cmd, Value};
use tokio::sync::watch;

use super::session::Session;
use super::supervisor::State;
use crate::reason::Reason;

/// Sends a command through the current session. If the keys have moved, it was not executed, and is sent again through the next session.
pub(super) async fn call(command: &Cmd, mut state: watch::Receiver<State>) -> Result<Value, Reason> {
    let session = state.borrow_and_update().session()?;
    match session.send(command).await {
        Err(Reason::Moved { .. }) => next_session(&mut state, &session).await?.send(command).await,
        answer => answer,
    }
}

/// Waits for the session that follows `last`.
async fn next_session(state: &mut watch::Receiver<State>, last: &Arc<Session>) -> Result<Arc<Session>, Reason> {
    let is_next = |state: &State| matches!(state, State::Connected(session) if !Arc::ptr_eq(session, last));
    state.wait_for(is_next).await.map_err(|_| Reason::Ended)?.session()
}
