//! What ends a command from outside: signals, and a reader that closes the pipe.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use futures_util::FutureExt;
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Signal, getpid, kill_process},
    stdio::stdout,
};
use tokio::{
    runtime,
    signal::unix::{self, SignalKind},
    sync::{oneshot, watch},
};

use crate::{exit::Exit, failure::Failure, offspring};

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
        static COUNTING: OnceLock<()> = OnceLock::new();
        let mut counted = Self::taken()?;
        if COUNTING.set(()).is_ok() {
            beside(async move {
                loop {
                    counted.next().await;
                    INTERRUPTIONS.fetch_add(1, Ordering::Relaxed);
                }
            })?;
        }
        Self::taken()
    }

    fn taken() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt()).map_err(|error| not_taken(&error))?,
            terminate: unix::signal(SignalKind::terminate()).map_err(|error| not_taken(&error))?,
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

    /// Waits for the first one, or for the terminal to be taken away, on a thread of its own. Whoever ends by itself is asked to, and
    /// has until the second one or for as long as is said. Where nothing has come of it a second later, the process ends,
    /// and the programs that it has started: whatever is stuck in writing to a pipe that nobody reads cannot look at signals.
    pub(crate) async fn insist(mut self, asks: Option<(Asks, Duration)>) -> Result<Exit, Failure> {
        let (mut sender, told) = oneshot::channel();
        let mut hung_up = HangUp::listen()?;
        beside(async move {
            let mut exit = tokio::select! {
                exit = self.next() => exit,
                () = hung_up.next() => Exit::HungUp,
                // Nobody listens any more when the command is done.
                () = sender.closed() => return,
            };
            if let Some((asks, span)) = asks
                && asks.ask(exit)
            {
                tokio::select! {
                    second = self.next() => exit = second,
                    () = tokio::time::sleep(span + PATIENCE) => {}
                    () = sender.closed() => return,
                }
            }
            if sender.send(exit).is_ok() {
                tokio::time::sleep(PATIENCE).await;
                end(exit);
            }
        })?;
        Ok(told.await.unwrap_or(Exit::Interrupted))
    }

    /// Bounds how long a session at a terminal takes to end after SIGTERM, until what is given back is dropped: it cannot look at
    /// signals while the terminal takes no text. `put_right` is called before the process ends.
    pub(crate) fn bound(mut self, put_right: fn()) -> Result<oneshot::Receiver<()>, Failure> {
        let (mut sender, bounded) = oneshot::channel();
        beside(async move {
            tokio::select! {
                () = async { while self.next().await != Exit::Terminated {} } => {}
                () = sender.closed() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(FINISH + PATIENCE) => {}
                () = sender.closed() => return,
            }
            put_right();
            end(Exit::Terminated);
        })?;
        Ok(bounded)
    }
}

/// Ends the process, and the programs that it has started, whatever hangs.
fn end(exit: Exit) {
    offspring::end_all();
    std::process::exit(exit.code().into());
}

/// A terminal that is taken away, or SIGHUP. Never, where whoever started this wants that to be survived, as `nohup` does.
struct HangUp(Option<unix::Signal>);

impl HangUp {
    fn listen() -> Result<Self, Failure> {
        // Where the system does not tell, its own way stays.
        let survived = std::fs::read_to_string("/proc/self/status")
            .map_or(true, |status| is_ignored(&status, Signal::HUP));
        if survived {
            return Ok(Self(None));
        }
        unix::signal(SignalKind::hangup()).map(|signal| Self(Some(signal))).map_err(|error| not_taken(&error))
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// Whether a process with this status ignores a signal.
fn is_ignored(status: &str, signal: Signal) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

fn not_taken(error: &io::Error) -> Failure {
    Failure::local(format!("cannot listen to signals: {error}"))
}

/// Does something on a thread of its own, which goes on whatever hangs elsewhere.
fn beside(work: impl Future<Output = ()> + Send + 'static) -> Result<(), Failure> {
    // Signals come to every runtime.
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(|error| not_taken(&error))?;
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || runtime.block_on(work)).map(drop).map_err(|error| not_taken(&error))
}

/// Asks a command to end by itself.
pub(crate) struct Asks(watch::Sender<Option<Exit>>);

impl Asks {
    /// Asks for this end. Whether anybody hears it.
    pub(crate) fn ask(&self, exit: Exit) -> bool {
        self.0.send(Some(exit)).is_ok()
    }
}

/// Where a command learns that it is to end by itself, and with which code.
pub(crate) struct Stop(watch::Receiver<Option<Exit>>);

impl Stop {
    /// Somebody who asks, and where that is heard.
    pub(crate) fn pair() -> (Asks, Self) {
        let (sender, receiver) = watch::channel(None);
        (Asks(sender), Self(receiver))
    }

    /// Whether somebody has asked.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.borrow().is_some()
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
    thread::spawn(move || {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_ignored_is_told_from_others() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, Signal::HUP) && is_ignored(status, Signal::PIPE));
        assert!(!is_ignored(status, Signal::INT));
        assert!(is_ignored("", Signal::HUP));
    }
}
