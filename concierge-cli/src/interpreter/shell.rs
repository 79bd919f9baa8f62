//! Commands of a shell: started with what they read and write, waited for, and ended with whoever wanted them.

use std::{
    fs::File,
    io::{self, BufReader, PipeReader, PipeWriter, Write},
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::Signal,
    stdio::stdin,
    termios::tcgetwinsize,
};
use tokio::{process::Child, sync::oneshot};

use crate::{
    console::Environment,
    exit::Exit,
    failure::{Failure, without_number},
    input::read_text,
    language::{Variables, as_text},
    offspring::{self, Group, Leash},
    output::Sink,
    repl,
    signals::interruptions,
};

/// How often whoever waits for a command to read looks whether that is still wanted.
const LOOK_UP: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// The shell that is run, and what it shares with this program.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    program: String,
    sharing: Sharing,
    lent: Arc<AtomicUsize>,
    leash: Leash,
}

/// Whether commands have the terminal: then a key such as Ctrl-C is for them.
#[derive(Debug, Clone)]
pub(crate) struct Lending(Arc<AtomicUsize>);

impl Lending {
    /// Whether one has it now.
    pub(crate) fn is_lent(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

/// What a shell's command shares with this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// The terminal: somebody types.
    Terminal,
    /// The outputs: a script runs.
    Outputs,
    /// Nothing: what it writes is passed on.
    Nothing,
}

/// What a command reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// What is written to it.
    Pipe,
    /// What is typed, or nothing in a script.
    Keyboard,
}

/// What a command writes to.
pub(super) enum Writes {
    /// Where this program writes.
    Here,
    /// Somewhere else. The second is for what it tells besides.
    There(Arc<dyn Sink>, Arc<dyn Sink>),
}

/// A command that runs. It ends when this is dropped.
pub(super) struct Running {
    /// Its processes, where the terminal's keys are not for them. Dropped before the child is: its number is its own until then.
    group: Option<Group>,
    child: Child,
    text: String,
    read: Vec<oneshot::Receiver<()>>,
    _terminal: Option<Lent>,
}

impl Shell {
    /// The shell that the environment names.
    pub(crate) fn new(environment: &Environment, sharing: Sharing) -> Self {
        let program = environment.var("SHELL").unwrap_or("/bin/sh").to_owned();
        Self { program, sharing, lent: Arc::default(), leash: Leash::default() }
    }

    /// The same, with everything that it starts on this leash.
    pub(super) fn on(&self, leash: Leash) -> Self {
        Self { leash, ..self.clone() }
    }

    /// Whether its commands have the terminal, now and later.
    pub(super) fn lending(&self) -> Lending {
        Lending(Arc::clone(&self.lent))
    }

    /// Whether a command may write where this program writes.
    pub(super) fn shares_outputs(&self) -> bool {
        self.sharing != Sharing::Nothing
    }

    /// Starts a command. With [`Reads::Pipe`] there is something to write to.
    pub(super) fn start(
        &self,
        text: &str,
        reads: Reads,
        writes: Writes,
        variables: &Variables,
        background: bool,
    ) -> Result<(Running, Option<Feed>), Failure> {
        let failed = |error: io::Error| {
            Failure::local(format!("cannot run {}: {}", self.program, without_number(&error)))
        };
        let mut command = offspring::command(&self.program);
        command.arg("-c").arg(text).envs(mentioned(text, variables));
        let keyboard = reads == Reads::Keyboard && self.sharing == Sharing::Terminal && !background;
        let mut feed = None;
        match reads {
            Reads::Keyboard if keyboard => {}
            Reads::Keyboard => {
                command.stdin(Stdio::null());
            }
            Reads::Pipe => {
                let (end, start) = io::pipe().map_err(failed)?;
                command.stdin(end);
                feed = Some(self.feed(OwnedFd::from(start), background).map_err(failed)?);
            }
        }
        let mut read = Vec::new();
        let mut pass_on = |sink: Arc<dyn Sink>| -> io::Result<PipeWriter> {
            let (end, start) = io::pipe()?;
            read.push(follow(end, sink));
            Ok(start)
        };
        if let Writes::There(data, asides) = writes {
            command.stdout(pass_on(data).map_err(failed)?);
            if background || self.sharing == Sharing::Nothing {
                command.stderr(pass_on(asides).map_err(failed)?);
            }
        }
        let is_apart = background || !self.has_the_keys();
        if is_apart {
            command.process_group(0);
        }
        let terminal = if self.sharing == Sharing::Terminal && !background {
            Lent::lend(keyboard, &self.lent)
        } else {
            None
        };
        let child = command.spawn().map_err(failed)?;
        let group = if is_apart { self.leash.hold(&child) } else { None };
        Ok((Running { group, child, text: text.to_owned(), read, _terminal: terminal }, feed))
    }

    /// A way to write to something for as long as that is wanted of what runs on this leash.
    pub(super) fn feed(&self, end: impl Into<File>, background: bool) -> io::Result<Feed> {
        let end = end.into();
        rustix::io::ioctl_fionbio(&end, true)?;
        Ok(Feed { end, leash: self.leash.clone(), interrupted: (!background).then(interruptions) })
    }

    /// Whether Ctrl-C and the like reach this program and what it starts alike. Nobody could type into a group of its own then.
    fn has_the_keys(&self) -> bool {
        match self.sharing {
            Sharing::Terminal => true,
            Sharing::Outputs => repl::is_in_foreground(),
            Sharing::Nothing => false,
        }
    }
}

impl Running {
    /// Waits until it has ended, and tells how. Cancel safe.
    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        let status = self
            .child
            .wait()
            .await
            .map_err(|error| Failure::local(format!("cannot wait for `{}`: {error}", self.text)))?;
        match (status.code(), status.signal().and_then(Signal::from_named_raw)) {
            // Whoever read what it wrote had enough.
            (Some(0), _) | (_, Some(Signal::PIPE)) => Ok(()),
            (_, Some(Signal::INT)) => Err(Failure::silent(Exit::Interrupted)),
            (Some(code), _) => Err(Failure::local(format!("`{}` ended with status {code}", self.text))),
            (None, _) => {
                let signal = status.signal().unwrap_or_default();
                Err(Failure::local(format!("`{}` was ended by signal {signal}", self.text)))
            }
        }
    }

    /// Waits until all that it wrote was passed on, too.
    pub(super) async fn finish(mut self) -> Result<(), Failure> {
        let result = self.ended().await;
        for read in &mut self.read {
            // It is gone when it has read everything.
            let _ = read.await;
        }
        if let Some(group) = self.group.take() {
            group.release();
        }
        result
    }
}

/// What is written to a command or a file. Whoever writes waits until it is taken, but no longer than that is wanted.
pub(super) struct Feed {
    end: File,
    leash: Leash,
    /// How often somebody had interrupted before it; none for a job, which Ctrl-C is not for.
    interrupted: Option<u64>,
}

/// Why something was not taken.
pub(super) enum Unfed {
    /// Whoever reads has had enough, or nobody wants it any more.
    Unwanted,
    /// Somebody interrupted.
    Interrupted,
    /// The system says no.
    Failed(io::Error),
}

impl Feed {
    /// Writes all of a text.
    pub(super) fn write(&mut self, text: &str) -> Result<(), Unfed> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match self.end.write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                // It may take its time, which the other tasks of this thread need not.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::task::block_in_place(|| self.wait())?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(Unfed::Unwanted),
                Err(error) => return Err(Unfed::Failed(error)),
            }
        }
        Ok(())
    }

    /// Waits until something can be written, or nobody reads it any more.
    fn wait(&self) -> Result<(), Unfed> {
        loop {
            if self.leash.has_ended() {
                return Err(Unfed::Unwanted);
            }
            if self.interrupted.is_some_and(|before| before != interruptions()) {
                return Err(Unfed::Interrupted);
            }
            let mut end = [PollFd::new(&self.end, PollFlags::OUT)];
            match poll(&mut end, Some(&LOOK_UP)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(Unfed::Failed(error.into())),
            }
        }
    }
}

/// Passes on what comes out of a pipe, on a thread: line by line, and what follows the last line end, too.
fn follow(pipe: PipeReader, sink: Arc<dyn Sink>) -> oneshot::Receiver<()> {
    let (done, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        while let Ok(Some(text)) = read_text(&mut pipe) {
            if sink.write_text(&text).is_err() {
                // Then the pipe closes, and whoever writes to it learns that.
                break;
            }
        }
        // Whoever waited may have gone.
        let _ = done.send(());
    });
    told
}

/// The variables that a command mentions, for its environment: their text is never part of a command.
fn mentioned(text: &str, variables: &Variables) -> Vec<(String, String)> {
    let is_mentioned = |name: &str| {
        [format!("${name}"), format!("${{{name}")].iter().any(|mention| text.contains(mention.as_str()))
    };
    variables
        .iter()
        .filter(|(name, json)| *name != "_" && is_mentioned(name) && !json.contains("\\u0000"))
        .map(|(name, json)| (name.to_owned(), as_text(json).into_owned()))
        .collect()
}

/// The terminal as a command finds it that somebody else would have started: it echoes, and the cursor is at the beginning of a line
/// afterwards.
struct Lent {
    _modes: Option<repl::Lent>,
    count: Arc<AtomicUsize>,
}

impl Lent {
    fn lend(keyboard: bool, count: &Arc<AtomicUsize>) -> Option<Self> {
        if !repl::has_terminal() {
            return None;
        }
        count.fetch_add(1, Ordering::AcqRel);
        Some(Self { _modes: keyboard.then(repl::lend), count: Arc::clone(count) })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
        // At the beginning of a line the spaces stay in it, elsewhere they go over to the next one: the prompt covers no text.
        let width = tcgetwinsize(stdin()).map_or(80, |size| usize::from(size.ws_col.max(2)));
        let mark = format!("\u{23ce}{}\r \r", " ".repeat(width - 1));
        // A terminal that is gone needs nothing.
        let _ = rustix::io::write(rustix::stdio::stdout(), mark.as_bytes());
    }
}
