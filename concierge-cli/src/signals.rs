//! What ends a command from outside: signals, and a reader that closes the pipe.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::FutureExt;
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Signal, getpid, kill_process},
    stdio::stdout,
};
use tokio::{
    signal::unix::{self, SignalKind},
    sync::{oneshot, watch},
};

use crate::{exit::Exit, failure::Failure};

/// How long a command may take to end after a signal.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a command that ends by itself has to finish what it has begun.
pub(crate) const FINISH: Duration = Duration::from_secs(5);

/// How often somebody interrupted or terminated.
static INTERRUPTIONS: AtomicU64 = AtomicU64::new(0);

/// SIGINT and SIGTERM, taken over from the system.
pub(crate) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Signals {
    /// Takes them over. Before a line editor is started, as it puts its own handler in place of this one while it reads.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let mut counted = Self::taken()?;
        tokio::spawn(async move {
            loop {
                counted.next().await;
                INTERRUPTIONS.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self::taken()
    }

    fn taken() -> Result<Self, Failure> {
        let taken = |error: io::Error| Failure::local(format!("cannot listen to signals: {error}"));
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt()).map_err(taken)?,
            terminate: unix::signal(SignalKind::terminate()).map_err(taken)?,
        })
    }

    /// The exit code that follows from those that have come already, of which none is left then.
    pub(crate) fn pending(&mut self) -> Option<Exit> {
        let came: Vec<_> = std::iter::from_fn(|| self.next().now_or_never()).collect();
        came.iter().copied().find(|exit| *exit == Exit::Terminated).or(came.first().copied())
    }

    /// Waits for the next one, and gives the exit code that follows. Cancel safe.
    pub(crate) async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.terminate.recv() => Exit::Terminated,
            _ = self.interrupt.recv() => Exit::Interrupted,
        }
    }

    /// Waits for the first one on a task of its own. Whoever ends by itself is asked to, and has until the second one or for as long
    /// as finishing may take. Where nothing has come of it a second later, the process ends: whatever is
    /// stuck in writing to a pipe that nobody reads cannot look at signals.
    pub(crate) fn insist(mut self, asks: Option<Asks>) -> impl Future<Output = Exit> {
        let (sender, told) = oneshot::channel();
        tokio::spawn(async move {
            let mut exit = self.next().await;
            if asks.is_some_and(|asks| asks.0.send(Some(exit)).is_ok()) {
                tokio::select! {
                    second = self.next() => exit = second,
                    () = tokio::time::sleep(FINISH + PATIENCE) => {}
                }
            }
            // Nobody listens any more when the command is done.
            if sender.send(exit).is_ok() {
                tokio::time::sleep(PATIENCE).await;
                std::process::exit(exit.code().into());
            }
        });
        async { told.await.unwrap_or(Exit::Interrupted) }
    }
}

/// Asks a command to end by itself.
pub(crate) struct Asks(watch::Sender<Option<Exit>>);

/// Where a command learns that it is to end by itself, and with which code.
pub(crate) struct Stop(watch::Receiver<Option<Exit>>);

impl Stop {
    /// Somebody who asks, and where that is heard.
    pub(crate) fn pair() -> (Asks, Self) {
        let (sender, receiver) = watch::channel(None);
        (Asks(sender), Self(receiver))
    }

    /// Waits until somebody asks.
    pub(crate) async fn asked(&self) -> Exit {
        let mut receiver = self.0.clone();
        let asked = receiver.wait_for(Option::is_some).await.ok().and_then(|exit| *exit);
        match asked {
            Some(exit) => exit,
            // Nobody ever will.
            None => std::future::pending().await,
        }
    }
}

/// How often a signal that ends what runs has come: for whoever cannot wait for one, as it is busy on a thread of its own.
pub(crate) fn interruptions() -> u64 {
    INTERRUPTIONS.load(Ordering::Relaxed)
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
