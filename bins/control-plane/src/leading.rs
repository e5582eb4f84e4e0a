//! Leadership of this control plane, for tasks that work only while it leads.

use scaler_core::control::ControlEvent;
use tokio::sync::watch;

/// Returns an observer for all events of the control plane, and a receiver that tells whether it leads.
pub(crate) fn leading() -> (impl FnMut(&ControlEvent<'_>) + Send, watch::Receiver<bool>) {
    let (tell, leads) = watch::channel(false);
    let tell = move |event: &ControlEvent<'_>| match event {
        ControlEvent::Elected { .. } => _ = tell.send_replace(true),
        ControlEvent::Deposed(_) | ControlEvent::Following => _ = tell.send_replace(false),
        _ => {}
    };
    (tell, leads)
}
