//! Somebody at a terminal, in the REPL.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use support::process::program;
use support::terminal::{Setup, Terminal};

/// The name of whoever sits there.
pub(super) const NAME: &str = "keyboard";

/// Somebody in the REPL, with a home of their own.
pub(super) struct Seat {
    pub terminal: Terminal,
    pub home: tempfile::TempDir,
    /// The prompt, without the space at its end.
    prompt: String,
    /// How long each key took to its echo.
    pub pauses: Vec<Duration>,
}

impl Seat {
    /// Sits down, and waits for the prompt.
    pub(super) fn take(setup: Setup, url: &str) -> Result<Self> {
        Self::sit(setup, &["--url", url, "--name", NAME])
    }

    /// The same, on the gateway that is embedded in the REPL.
    pub(super) fn alone(setup: Setup) -> Result<Self> {
        Self::sit(setup, &["--name", NAME])
    }

    fn sit(setup: Setup, arguments: &[&str]) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let setup = setup.variable("HOME", home.path().to_string_lossy());
        let mut terminal = setup.start(&program("concierge")?, arguments)?;
        terminal.wait_until("the prompt appears", |screen| screen.cursor_row().ends_with('●'))?;
        let prompt = terminal.emulator.cursor_row();
        ensure!(prompt.starts_with(NAME), "the prompt is {prompt:?}");
        Ok(Self { terminal, home, prompt, pauses: Vec::new() })
    }

    /// Presses keys, and waits until the line is as it should be after them.
    pub(super) fn press(&mut self, keys: &str, line: &str) -> Result<()> {
        let pressed = Instant::now();
        self.terminal.keys(keys)?;
        self.expect(line)?;
        self.pauses.push(pressed.elapsed());
        Ok(())
    }

    /// Waits until the typed line is this one.
    pub(super) fn expect(&mut self, line: &str) -> Result<()> {
        let row = format!("{} {line}", self.prompt);
        let what = format!("the line is {line:?}");
        self.terminal.wait_until(&what, |screen| screen.cursor_row() == row.trim_end())
    }

    /// Types a text key by key, at the end of a line that is this long already.
    pub(super) fn type_after(&mut self, line: &str, text: &str) -> Result<()> {
        let mut whole = line.to_owned();
        for character in text.chars() {
            whole.push(character);
            self.press(&character.to_string(), &whole)?;
        }
        Ok(())
    }

    /// Types a line, presses Enter, and waits for an empty line at the prompt.
    pub(super) fn enter(&mut self, line: &str) -> Result<()> {
        self.type_after("", line)?;
        self.press("\r", "")
    }
}
