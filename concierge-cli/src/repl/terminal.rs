//! The terminal between two lines: what is typed while a command runs is kept for the next line, and shown only there. Echoed at
//! once it would end up in the middle of what is being printed.

use rustix::{
    stdio::stdin,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A terminal that does not echo, until this is dropped: then it is as it was, whatever a line editor left it as.
pub(super) struct Quiet {
    before: Termios,
    /// Taken over from the system, whose way would be to end the process and leave the terminal quiet.
    _quit: Option<Signal>,
}

impl Quiet {
    /// Stops the echo. None where the terminal does not let itself be asked.
    pub(super) fn start() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Drain, &quiet).ok()?;
        Some(Self { before, _quit: signal(SignalKind::quit()).ok() })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &self.before);
    }
}
