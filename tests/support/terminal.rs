//! A real terminal: a program in a pseudo-terminal of its own, keys typed into it, its screen read as text.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::emulator::Emulator;

/// How long a test waits for what must appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// The terminal that a program is to be started in.
#[derive(Debug)]
pub struct Setup {
    rows: u16,
    columns: u16,
    variables: Vec<(String, String)>,
}

impl Default for Setup {
    /// Wide enough that no line of a test wraps, and without colours.
    fn default() -> Self {
        let variables = [("LANG", "C.UTF-8"), ("TERM", "xterm"), ("NO_COLOR", "1")];
        let variables = variables.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        Self { rows: 50, columns: 240, variables }
    }
}

impl Setup {
    /// With so many rows and columns.
    #[must_use]
    pub fn size(mut self, rows: u16, columns: u16) -> Self {
        (self.rows, self.columns) = (rows, columns);
        self
    }

    /// With this variable in the environment of the program.
    #[must_use]
    pub fn variable(mut self, key: &str, value: impl Into<String>) -> Self {
        self.variables.retain(|(present, _)| present != key);
        self.variables.push((key.to_owned(), value.into()));
        self
    }

    /// Without this variable.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.variables.retain(|(present, _)| present != key);
        self
    }

    /// Starts a program with its arguments in this terminal, which it controls.
    ///
    /// # Errors
    ///
    /// When there are no terminals, or the program (or `setsid`, which gives it the terminal) cannot be started.
    pub fn start(self, program: &Path, arguments: &[&str]) -> Result<Terminal> {
        Terminal::begin(self, program, arguments)
    }
}

/// A program in a terminal. It is killed when dropped.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: Option<File>,
    /// Dropped, nothing is read from the terminal any more.
    window: Option<UnixStream>,
    /// What its screen looks like.
    pub emulator: Emulator,
    screen: Receiver<Vec<u8>>,
    /// Everything written so far, byte for byte.
    written: Vec<u8>,
    /// The start of a character whose end has not come yet.
    cut: Vec<u8>,
    /// Everything shown so far, without escape sequences.
    shown: String,
    /// How much of it has been looked at.
    seen: usize,
    escape: Escape,
}

/// Where within an escape sequence the last chunk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    Outside,
    /// After ESC.
    Begun,
    /// After ESC `[`: ends with a letter.
    Control,
    /// After ESC `]`: ends with BEL or ESC `\`.
    Command,
}

impl Terminal {
    /// Starts a program with its arguments in a terminal it controls.
    ///
    /// # Errors
    ///
    /// When there are no terminals, or the program (or `setsid`, which gives it the terminal) cannot be started.
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        Setup::default().start(program, arguments)
    }

    fn begin(setup: Setup, program: &Path, arguments: &[&str]) -> Result<Self> {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .context("no pseudo-terminal")?;
        grantpt(&keyboard)?;
        unlockpt(&keyboard)?;
        let name = ptsname(&keyboard, Vec::new())?;
        let inside: OwnedFd =
            rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        tcsetwinsize(&inside, winsize(setup.rows, setup.columns))?;
        let child = Command::new("setsid")
            .arg("--ctty")
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", std::env::temp_dir())
            .envs(setup.variables)
            .stdin(Stdio::from(inside.try_clone()?))
            .stdout(Stdio::from(inside.try_clone()?))
            .stderr(Stdio::from(inside))
            .spawn()
            .context("cannot start `setsid`, which gives a program its terminal")?;
        let keyboard = File::from(keyboard);
        let output = keyboard.try_clone()?;
        let (chunks, screen) = channel();
        let (window, closed) = UnixStream::pair().context("no pair of sockets")?;
        std::thread::spawn(move || read_all(output, &closed, &chunks));
        Ok(Self {
            child,
            keyboard: Some(keyboard),
            window: Some(window),
            emulator: Emulator::new(setup.rows, setup.columns),
            screen,
            written: Vec::new(),
            cut: Vec::new(),
            shown: String::new(),
            seen: 0,
            escape: Escape::Outside,
        })
    }

    /// Types text, as it is; `\r` is the Enter key, `\x04` is Ctrl-D.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn keys(&mut self, text: &str) -> Result<()> {
        let keyboard = self.keyboard.as_mut().context("the terminal has been taken away")?;
        keyboard.write_all(text.as_bytes()).context("cannot type into the terminal")
    }

    /// Types a line and Enter.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn line(&mut self, text: &str) -> Result<()> {
        self.keys(&format!("{text}\r"))
    }

    /// Waits until that text is shown, after whatever was waited for before.
    ///
    /// # Errors
    ///
    /// When it never is; the error has what was shown instead.
    pub fn wait_for(&mut self, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let fresh = self.shown.get(self.seen..).unwrap_or_default();
            if let Some(place) = fresh.find(text) {
                self.seen += place + text.len();
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(chunk) => self.show(&chunk),
                Err(why) => {
                    let why = if why == RecvTimeoutError::Timeout {
                        "never appeared"
                    } else {
                        "did not appear before the end"
                    };
                    bail!(
                        "{text:?} {why}; the terminal showed:\n{}",
                        self.shown.get(self.seen..).unwrap_or_default()
                    );
                }
            }
        }
    }

    /// Waits until the screen is as wanted; `what` says how that is.
    ///
    /// # Errors
    ///
    /// When it never is; the error has the screen.
    pub fn wait_until(&mut self, what: &str, wanted: impl Fn(&Emulator) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !wanted(&self.emulator) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(chunk) => self.show(&chunk),
                Err(why) => {
                    bail!("{what}: {why}; the screen is:\n{}", self.emulator.rows().join("\n").trim_end())
                }
            }
        }
        Ok(())
    }

    /// Looks at what was written until now, without waiting.
    pub fn look(&mut self) {
        while let Ok(chunk) = self.screen.try_recv() {
            self.show(&chunk);
        }
    }

    /// Every byte that was looked at until now, in the order written.
    pub fn written(&self) -> &[u8] {
        &self.written
    }

    /// Gives the window another size, which the program is told.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn resize(&mut self, rows: u16, columns: u16) -> Result<()> {
        self.look();
        self.emulator.resize(rows, columns);
        let keyboard = self.keyboard.as_ref().context("the terminal has been taken away")?;
        tcsetwinsize(keyboard, winsize(rows, columns)).context("cannot resize the terminal")
    }

    /// Takes the terminal away, as closing its window does. The program can be waited for; nothing is read of it any more.
    pub fn hang_up(&mut self) {
        self.window = None;
        // The end of the channel tells that its reader has let go.
        while self.screen.recv().is_ok() {}
        self.keyboard = None;
    }

    /// Sends a signal to the program, and to nobody else in the terminal.
    ///
    /// # Errors
    ///
    /// When the program is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("cannot signal the program")
    }

    /// Waits for the end of the program, and of everything else in the terminal.
    ///
    /// # Errors
    ///
    /// When it goes on for too long.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match self.screen.recv_timeout(left) {
                Ok(chunk) => self.show(&chunk),
                Err(RecvTimeoutError::Disconnected) => return Ok(self.child.wait()?),
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        bail!("the program did not end within {PATIENCE:?}; the terminal showed:\n{}", self.shown)
    }

    fn show(&mut self, chunk: &[u8]) {
        self.emulator.show(chunk);
        self.written.extend_from_slice(chunk);
        self.cut.extend_from_slice(chunk);
        let bytes = std::mem::take(&mut self.cut);
        let end = match std::str::from_utf8(&bytes) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => bytes.len(),
        };
        let (whole, cut) = bytes.split_at(end);
        self.cut = cut.to_vec();
        for character in String::from_utf8_lossy(whole).chars() {
            self.escape = match (self.escape, character) {
                (Escape::Outside | Escape::Command, '\x1b') => Escape::Begun,
                (Escape::Outside, _) => {
                    self.shown.push(character);
                    Escape::Outside
                }
                (Escape::Begun, '[') => Escape::Control,
                (Escape::Begun, ']') => Escape::Command,
                (Escape::Begun, _) | (Escape::Control, '@'..='~') | (Escape::Command, '\x07') => {
                    Escape::Outside
                }
                (inside, _) => inside,
            };
        }
    }
}

/// Reads what is written to the terminal, until the last program in it or the window has gone.
fn read_all(mut output: File, closed: &UnixStream, chunks: &Sender<Vec<u8>>) {
    let mut chunk = [0; 4096];
    loop {
        let mut descriptors =
            [PollFd::new(&output, PollFlags::IN), PollFd::from_borrowed_fd(closed.as_fd(), PollFlags::IN)];
        let polled = poll(&mut descriptors, None);
        if polled.is_err() || descriptors.last().is_some_and(|window| !window.revents().is_empty()) {
            return;
        }
        // Reading fails when the last program in the terminal has gone.
        let Ok(count @ 1..) = output.read(&mut chunk) else { return };
        if chunks.send(chunk.get(..count).unwrap_or_default().to_vec()).is_err() {
            return;
        }
    }
}

fn winsize(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_reads_keys_and_its_screen_can_be_read() {
        let script = "printf '\\303'; printf '\\251 '; test -t 0 && printf '\\033[1mname\\033[0m? ' && read name && echo \"hello $name\" && exit 3";
        let mut terminal = Terminal::start(Path::new("/bin/sh"), &["-c", script]).unwrap();
        terminal.wait_for("é name? ").unwrap();
        terminal.line("keyboard").unwrap();
        terminal.wait_for("hello keyboard").unwrap();
        assert_eq!(terminal.wait().unwrap().code(), Some(3));
    }
}
