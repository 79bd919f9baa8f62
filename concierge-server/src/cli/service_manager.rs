//! What a service manager is told, systemd or one like it, where the variable `NOTIFY_SOCKET` names one: that the gateway
//! serves, reads anew, or stops.

use sd_notify::{NotifyState, notify};
use tracing::warn;

/// Whether somebody wants to be told.
pub(super) fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty())
}

/// It listens, and everything is as it should be.
pub(super) fn tell_ready() {
    tell(&[NotifyState::Ready]);
}

/// It reads its certificate again, since now.
pub(super) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// It stops.
pub(super) fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if is_there()
        && let Err(error) = notify(states)
    {
        warn!(%error, "cannot tell the service manager: NOTIFY_SOCKET names nobody who listens");
    }
}
