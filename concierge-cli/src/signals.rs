//! What ends a command from outside: signals, and a reader that closes the pipe.

use std::io;

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Signal, getpid, kill_process},
    stdio::stdout,
};
use tokio::{
    signal::unix::{self, SignalKind},
    sync::oneshot,
};

use crate::{exit::Exit, failure::Failure};

/// SIGINT and SIGTERM, taken over from the system.
pub(crate) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Signals {
    /// Takes them over. Before a line editor is started, as it puts its own handler in place of this one while it reads.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let taken = |error: io::Error| Failure::local(format!("cannot listen to signals: {error}"));
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt()).map_err(taken)?,
            terminate: unix::signal(SignalKind::terminate()).map_err(taken)?,
        })
    }

    /// Waits for the next one, and gives the exit code that follows. Cancel safe.
    pub(crate) async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.terminate.recv() => Exit::Terminated,
            _ = self.interrupt.recv() => Exit::Interrupted,
        }
    }
}

/// Makes the line editor give up its line, which leaves the terminal as it found it.
pub(crate) fn interrupt_editor() {
    // It can only fail for a process that is not there.
    let _ = kill_process(getpid(), Signal::INT);
}

/// Waits until nobody reads the standard output any more: a stream that is idle would not notice by writing.
pub(crate) async fn output_closed() {
    let (closed, told) = oneshot::channel();
    std::thread::spawn(move || {
        let stdout = stdout();
        loop {
            // No event is asked for: what is reported is an error or a hang-up.
            let mut descriptors = [PollFd::new(&stdout, PollFlags::empty())];
            match poll(&mut descriptors, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        // Whoever waited may have what it wanted.
        let _ = closed.send(());
    });
    if told.await.is_err() {
        std::future::pending::<()>().await;
    }
}
