//! The terminal's modes: between two lines, while the session is suspended, while another program has it, and at the end. What is
//! shown on it is in `screen.rs`.

use std::{
    fs::File,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

// Groups and sessions by `nix`: they have no number here where they began outside of this process's namespace (in a container, say),
// and are 0 then, which `rustix` takes for impossible.
use nix::unistd::{getpgid, getpgrp, getpid, getppid, getsid, tcgetpgrp};
use rustix::{
    io::{Errno, retry_on_intr},
    process::{Signal, kill_current_process_group},
    stdio::{stdin, stdout},
    termios::{
        InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
        tcsetattr,
    },
};
use tokio::signal::unix::{self, SignalKind, signal};

use crate::failure::Failure;

/// How long it takes at most until a process that stops itself has stopped.
const STOPPING: Duration = Duration::from_millis(200);

/// How wide a terminal is that does not tell.
const USUAL_COLUMNS: usize = 80;

/// The modes the terminal had before; none while nobody has changed them.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal that does not echo, until this is dropped: then it is as it was, whatever a line editor left it as.
///
/// What is typed while a command runs is kept for the next line, key by key, and shown only there. Echoed at once it would end up in
/// the middle of what is being printed.
pub(super) struct Quiet {
    /// Taken over from the system, whose way would be to end the process and leave the terminal quiet.
    _quit: Option<unix::Signal>,
}

/// The terminal as other programs expect it, until this is dropped.
pub(crate) struct Lent(());

/// What happens to a terminal besides keys. Each is taken over from the system, whose way would leave the terminal as it is.
pub(super) struct Happenings {
    hung_up: unix::Signal,
    stop: unix::Signal,
    resumed: unix::Signal,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// The terminal is gone, or whoever started this wants it to end like that.
    HungUp,
    /// It is to be suspended.
    Stop,
    /// It was stopped, and goes on.
    Resumed,
}

impl Quiet {
    /// Stops the echo. None where the terminal does not let itself be asked.
    pub(super) fn start() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        set(&quiet(&before)).ok()?;
        *lock() = Some(before);
        Some(Self { _quit: signal(SignalKind::quit()).ok() })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = lock().take() {
            // A terminal that is gone needs nothing.
            let _ = set(&before);
        }
    }
}

/// The terminal as it was, for whoever comes after a process that ends without dropping what it has. It waits for nothing.
pub(super) fn put_right() {
    if let Ok(before) = BEFORE.try_lock()
        && let Some(before) = &*before
    {
        // As above.
        let _ = tcsetattr(stdin(), OptionalActions::Now, before);
    }
}

/// Gives the terminal to another program, with the modes it had before this one came.
pub(crate) fn lend() -> Lent {
    if let Some(before) = &*lock() {
        let _ = set(before);
    }
    Lent(())
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(before) = &*lock() {
            let _ = set(&quiet(before));
        }
    }
}

impl Happenings {
    /// Takes them over.
    pub(super) fn listen() -> Result<Self, Failure> {
        let taken = |error: std::io::Error| Failure::local(format!("cannot listen to signals: {error}"));
        let listen = |wanted: Signal| signal(SignalKind::from_raw(wanted.as_raw())).map_err(taken);
        Ok(Self {
            hung_up: listen(Signal::HUP)?,
            stop: listen(Signal::TSTP)?,
            resumed: listen(Signal::CONT)?,
        })
    }

    /// The next one. A stop that nobody would undo is none: giving up a line for it could cost a key that is just being typed.
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Happening {
        loop {
            tokio::select! {
                _ = self.hung_up.recv() => return Happening::HungUp,
                _ = self.stop.recv() => if can_be_resumed() {
                    return Happening::Stop;
                },
                _ = self.resumed.recv() => return Happening::Resumed,
            }
        }
    }

    /// Stops this process and those that run with it, until somebody has them go on. Whoever has the terminal meanwhile finds it as
    /// it was before.
    pub(super) async fn suspend(&mut self) {
        if !can_be_resumed() {
            return;
        }
        let _lent = lend();
        // The signal may reach another thread first: nothing may touch the terminal before it has come, and gone.
        if kill_current_process_group(Signal::STOP).is_ok() {
            let _ = tokio::time::timeout(STOPPING, self.resumed.recv()).await;
        }
    }
}

/// Whether the terminal is still there.
pub(crate) fn is_there() -> bool {
    tcgetattr(stdin()).is_ok()
}

/// Whether there is a terminal whose keys are for this process and those that run with it, whatever it reads and writes.
pub(crate) fn is_in_foreground() -> bool {
    let terminal = File::open("/dev/tty");
    terminal.is_ok_and(|terminal| tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()))
}

/// Ends what runs at the terminal besides this process, before this one ends: programs that a command has started there. Where
/// somebody else began the job that all of them are, they are left alone.
pub(super) fn end_others() {
    if getpgrp() == getpid() {
        // This process has taken the signal over.
        let _ = kill_current_process_group(Signal::TERM);
    }
}

/// How many columns the terminal has.
pub(super) fn columns() -> usize {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => USUAL_COLUMNS,
    }
}

/// Keys come one by one and as they are, but for those that interrupt; these throw away neither keys nor what is being printed.
fn quiet(before: &Termios) -> Termios {
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
    quiet.local_modes.insert(LocalModes::NOFLSH);
    quiet.input_modes.remove(InputModes::ICRNL);
    quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    quiet
}

fn set(modes: &Termios) -> Result<(), Errno> {
    retry_on_intr(|| tcsetattr(stdin(), OptionalActions::Drain, modes))
}

/// Whether there is a shell that would have this process go on: one of the same session that started it as a job of its own.
fn can_be_resumed() -> bool {
    let parent = getppid();
    let same_session = matches!((getsid(None), getsid(Some(parent))), (Ok(own), Ok(other)) if own == other);
    same_session && getpgid(Some(parent)).is_ok_and(|group| group != getpgrp())
}

fn lock() -> MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}
