//! One command, sent to the server that has the keys, even if they are just moving to another.

use std::sync::Arc;

use redis::{Cmd, Value};
use tokio::sync::watch;

use super::session::Session;
use super::supervisor::State;
use crate::reason::Reason;

/// Sends a command by the current session. If the keys have moved, nothing was executed: it is sent once more by the next session.
pub(super) async fn call(command: &Cmd, mut state: watch::Receiver<State>) -> Result<Value, Reason> {
    let session = state.borrow_and_update().session()?;
    match session.send(command).await {
        Err(Reason::Moved { .. }) => next_session(&mut state, &session).await?.send(command).await,
        answer => answer,
    }
}

/// Waits for the session after this one.
async fn next_session(state: &mut watch::Receiver<State>, last: &Arc<Session>) -> Result<Arc<Session>, Reason> {
    let is_next = |state: &State| matches!(state, State::Connected(session) if !Arc::ptr_eq(session, last));
    state.wait_for(is_next).await.map_err(|_| Reason::Ended)?.session()
}
