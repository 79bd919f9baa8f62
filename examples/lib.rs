//! What the examples have in common: where the gateway is, what is printed, and when to stop.

use std::io::Write as _;

use concierge_client::{BuildError, Client, ClientBuilder};
use tokio::signal::ctrl_c;

/// A client of the gateway at `$CONCIERGE_URL`, with the secret in `$CONCIERGE_SECRET` if there is one.
///
/// # Errors
///
/// When the URL or the name is not valid.
pub fn client(name: &str) -> Result<ClientBuilder, BuildError> {
    let url = std::env::var("CONCIERGE_URL").unwrap_or_else(|_| "ws://127.0.0.1:64209/ws".to_owned());
    Ok(Client::builder(url, name)?.secret_from_env("CONCIERGE_SECRET"))
}

/// Prints a line that whoever reads it has at once, on a terminal or not.
///
/// # Errors
///
/// When nobody reads it any more.
pub fn say(line: impl std::fmt::Display) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Waits for Ctrl-C, or on Unix for SIGTERM.
///
/// # Errors
///
/// When signals cannot be listened to.
///
/// # Cancel safety
///
/// Cancel safe, but a signal that comes while nobody waits is lost.
pub async fn told_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = ctrl_c() => pressed,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    ctrl_c().await
}
