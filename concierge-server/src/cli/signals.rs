//! The signals that the program goes by: the first one that ends it stops it in order, the second one at once; SIGHUP has it
//! read its certificate again.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// SIGTERM, SIGINT and SIGHUP.
pub(super) struct Signals {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
    hang_up: Option<Signal>,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To end.
    Stop,
    /// To read anew what can be read anew.
    Reload,
}

impl Signals {
    /// Takes them over from the system, whose way would be to end the program on the spot. Where it refuses, its way is
    /// what remains. SIGHUP is taken over only by a program that reloads: to others it says that their terminal is gone.
    pub(super) fn listen(reloads: bool) -> Self {
        Self {
            terminate: signal(SignalKind::terminate()).ok(),
            interrupt: signal(SignalKind::interrupt()).ok(),
            hang_up: reloads.then(|| signal(SignalKind::hangup()).ok()).flatten(),
        }
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            () = received(self.terminate.as_mut()) => {
                info!("received SIGTERM");
                Asked::Stop
            }
            () = received(self.interrupt.as_mut()) => {
                info!("received SIGINT");
                Asked::Stop
            }
            () = received(self.hang_up.as_mut()) => {
                info!("received SIGHUP");
                Asked::Reload
            }
        }
    }
}

async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
