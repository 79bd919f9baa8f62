//! A real terminal: a program in a pseudo-terminal of its own, keys typed into it, its screen read as text.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// How long a test waits for what must appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// Wide enough that no line of a test wraps.
const SIZE: Winsize = Winsize { ws_row: 50, ws_col: 240, ws_xpixel: 0, ws_ypixel: 0 };

/// A program in a terminal. It is killed when dropped.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
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
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).context("no pseudo-terminal")?;
        grantpt(&keyboard)?;
        unlockpt(&keyboard)?;
        let name = ptsname(&keyboard, Vec::new())?;
        let inside: OwnedFd = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
        tcsetwinsize(&inside, SIZE)?;
        let home = std::env::temp_dir();
        let child = Command::new("setsid")
            .arg("--ctty")
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .stdin(Stdio::from(inside.try_clone()?))
            .stdout(Stdio::from(inside.try_clone()?))
            .stderr(Stdio::from(inside))
            .spawn()
            .context("cannot start `setsid`, which gives a program its terminal")?;
        let keyboard = File::from(keyboard);
        let mut output = keyboard.try_clone()?;
        let (chunks, screen) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // Reading fails when the last program in the terminal has gone.
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                let text = chunk.get(..count).unwrap_or_default().to_vec();
                if chunks.send(text).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            keyboard,
            screen,
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
        self.keyboard.write_all(text.as_bytes()).context("cannot type into the terminal")
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

    /// Waits for the end of the program.
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
