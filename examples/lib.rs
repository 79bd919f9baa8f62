//! What the examples have in common: where the gateway is, what is printed, and when to stop.

use std::io::Write as _;

use concierge_client::{BuildError, Client, ClientBuilder};

/// Where the gateway is: `$CONCIERGE_URL`, or where one listens that was told nothing else.
pub fn gateway_url() -> String {
    std::env::var("CONCIERGE_URL").unwrap_or_else(|_| "ws://127.0.0.1:64209/ws".to_owned())
}

/// A client of that gateway, with the secret in `$CONCIERGE_SECRET` if there is one.
///
/// # Errors
///
/// When the URL or the name is not valid.
pub fn client(name: &str) -> Result<ClientBuilder, BuildError> {
    Ok(Client::builder(gateway_url(), name)?.secret_from_env("CONCIERGE_SECRET"))
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

/// Waits for Ctrl-C, or on Unix for SIGTERM. From this call on: a signal that comes before anybody waits is not lost.
///
/// # Errors
///
/// When signals cannot be listened to.
pub fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
        })
    }
    #[cfg(windows)]
    {
        let mut pressed = tokio::signal::windows::ctrl_c()?;
        Ok(async move { drop(pressed.recv().await) })
    }
}
