//! Somebody's shell: the command `concierge`, with a home of its own and nothing of whoever runs the tests.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::process::program;
use crate::terminal::{Setup, Terminal};

/// A home, and the gateway that commands in it use.
#[derive(Debug)]
pub struct Shell {
    home: TempDir,
    program: PathBuf,
    variables: Vec<(String, String)>,
}

impl Shell {
    /// An empty home, and this gateway.
    ///
    /// # Errors
    ///
    /// When there is no such program, or no room for a home.
    pub fn at(url: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let folder = |name: &str| home.path().join(name).to_string_lossy().into_owned();
        let program = program("concierge")?;
        let beside = program.parent().map(Path::to_string_lossy).unwrap_or_default();
        let variables = [
            ("HOME", folder("")),
            ("XDG_CONFIG_HOME", folder("config")),
            ("XDG_STATE_HOME", folder("state")),
            ("XDG_CACHE_HOME", folder("cache")),
            ("XDG_RUNTIME_DIR", folder("run")),
            ("PATH", format!("{beside}:{}", std::env::var("PATH").unwrap_or_default())),
            ("LANG", "C.UTF-8".to_owned()),
            ("USER", "tester".to_owned()),
            ("CONCIERGE_URL", url.to_owned()),
        ];
        let variables = variables.map(|(key, value)| (key.to_owned(), value)).to_vec();
        std::fs::create_dir(home.path().join("run"))?;
        Ok(Self { home, program, variables })
    }

    /// The same with a variable more, or another value for one.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != key);
        self.variables.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The same without a variable.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.variables.retain(|(known, _)| known != key);
        self
    }

    /// Its home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The command with these arguments, and no input.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        self.furnish(&mut command);
        command.args(arguments);
        command
    }

    /// A line for `bash`, in which `concierge` is the command.
    pub fn line(&self, line: &str) -> Command {
        let mut command = Command::new("bash");
        self.furnish(&mut command);
        command.args(["-c", line]);
        command
    }

    fn furnish(&self, command: &mut Command) {
        let variables = self.variables.iter().map(|(key, value)| (key, value));
        command.env_clear().envs(variables).current_dir(self.home.path()).stdin(Stdio::null());
    }

    /// Runs the command to its end.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.command(arguments).output().context("cannot run the command")
    }

    /// Runs the command to its end, with this as its input.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Result<Output> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot run the command")?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may end without reading it.
            let _unread = stdin.write_all(input);
        }
        child.wait_with_output().context("cannot wait for the command")
    }

    /// Starts the command on a terminal.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn terminal(&self, setup: Setup, arguments: &[&str]) -> Result<Terminal> {
        self.furnished(setup).start(&self.program, arguments)
    }

    /// Starts a line for `bash` on a terminal.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn terminal_line(&self, setup: Setup, line: &str) -> Result<Terminal> {
        self.furnished(setup).start(Path::new("bash"), &["-c", line])
    }

    fn furnished(&self, setup: Setup) -> Setup {
        self.variables.iter().fold(setup, |setup, (key, value)| setup.variable(key, value))
    }
}
