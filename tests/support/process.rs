//! Programs as a person would run them: found or built, started, listened to line by line, ended when the test ends.

use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the programs of the workspace are: in `$CONCIERGE_BIN_DIR` when that is set, else beside the tests, where cargo
/// brings them up to date first.
///
/// # Errors
///
/// When there is no such program.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = match std::env::var_os("CONCIERGE_BIN_DIR") {
        Some(folder) => PathBuf::from(folder).join(name),
        None => built_programs()?.join(name),
    };
    if path.is_file() {
        Ok(path)
    } else {
        bail!("there is no program {}: build it, or set CONCIERGE_BIN_DIR", path.display())
    }
}

/// A program of the workspace, ready for arguments, without the settings of whoever runs the tests.
///
/// # Errors
///
/// When there is no such program.
pub fn command(name: &str) -> Result<Command> {
    let mut command = Command::new(program(name)?);
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CONCIERGE_") || name.starts_with("XDG_") || name == "NOTIFY_SOCKET" {
            command.env_remove(variable);
        }
    }
    command.env("HOME", std::env::temp_dir());
    Ok(command)
}

fn built_programs() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build_programs().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

/// Builds the workspace's programs with the profile of the running test, into the same folder.
fn build_programs() -> Result<PathBuf> {
    let test = std::env::current_exe().context("the test does not know where it is")?;
    let profile = test.ancestors().nth(2).context("the test lies outside a target folder")?;
    let target = profile.parent().context("the test lies outside a target folder")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--workspace", "--bins", "--offline", "--quiet", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().context("cannot run cargo to build the programs under test")?;
    if !output.status.success() {
        bail!("cargo cannot build the programs under test:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(profile.to_owned())
}

/// A running program. It is killed when dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    /// What is written here the program reads; dropped, its input ends.
    pub stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    stderr: Arc<Mutex<String>>,
    /// Reads its stderr to the end.
    listener: Option<JoinHandle<()>>,
    heard: Vec<String>,
}

impl Program {
    /// Starts a command with all three streams in hand.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let (lines, stdout) = channel();
        let out = child.stdout.take().context("no stdout")?;
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).all(|line| lines.send(line).is_ok())
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let mut errors = child.stderr.take().context("no stderr")?;
        let collected = Arc::clone(&stderr);
        let listener = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = errors.read(&mut chunk) {
                let text = String::from_utf8_lossy(chunk.get(..count).unwrap_or_default()).into_owned();
                collected.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        let stdin = child.stdin.take();
        let listener = Some(listener);
        Ok(Self { name: name.to_owned(), child, stdin, stdout, stderr, listener, heard: Vec::new() })
    }

    /// The next line on stdout.
    ///
    /// # Errors
    ///
    /// When it ends or stays silent instead; the error has what it wrote so far.
    pub fn next_line(&mut self) -> Result<String> {
        match self.stdout.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.heard.push(line.clone());
                Ok(line)
            }
            Err(RecvTimeoutError::Timeout) => {
                bail!("{} wrote no line within {PATIENCE:?}{}", self.name, self.account())
            }
            Err(RecvTimeoutError::Disconnected) => bail!("{} closed its output{}", self.name, self.account()),
        }
    }

    /// Reads lines until one holds that text, and returns it.
    ///
    /// # Errors
    ///
    /// When it never comes.
    pub fn wait_for_line(&mut self, text: &str) -> Result<String> {
        loop {
            let line = self.next_line().with_context(|| format!("waiting for {text:?}"))?;
            if line.contains(text) {
                return Ok(line);
            }
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Errors
    ///
    /// When the program is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// Waits until the program has ended.
    ///
    /// # Errors
    ///
    /// When it goes on for too long.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.stdin = None;
        let deadline = Instant::now() + PATIENCE;
        // Its output ends when it ends: waiting for that takes no polling.
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match self.stdout.recv_timeout(left) {
                Ok(line) => self.heard.push(line),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    if let Some(listener) = self.listener.take() {
                        // What it said last is there before anybody looks; a panic there left less of it.
                        let _cut_short = listener.join();
                    }
                    return Ok(status);
                }
            }
        }
        bail!("{} did not end within {PATIENCE:?}{}", self.name, self.account())
    }

    /// Waits for the end, which must be a success.
    ///
    /// # Errors
    ///
    /// When it is not; the error has what it wrote.
    pub fn wait_for_success(&mut self) -> Result<()> {
        let status = self.wait()?;
        if status.success() { Ok(()) } else { bail!("{} ended with {status}{}", self.name, self.account()) }
    }

    /// The lines of its stdout that were read.
    pub fn heard(&self) -> &[String] {
        &self.heard
    }

    /// What it wrote on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it wrote, for a person who looks at a failure.
    pub fn account(&self) -> String {
        format!("\n--- its stdout:\n{}\n--- its stderr:\n{}", self.heard.join("\n"), self.stderr())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The resident memory of a process, in bytes.
///
/// # Panics
///
/// When there is no such process, or the system is not Linux.
pub fn resident_bytes(process: u32) -> usize {
    status_bytes(process, "VmRSS:")
}

/// The most resident memory that a process ever had, in bytes.
///
/// # Panics
///
/// When there is no such process, or the system is not Linux.
pub fn peak_resident_bytes(process: u32) -> usize {
    status_bytes(process, "VmHWM:")
}

fn status_bytes(process: u32, field: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the gateway runs");
    let line = status.lines().find(|line| line.starts_with(field)).expect("Linux tells resident memory");
    let kibibytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok());
    kibibytes.expect("in KiB") * 1024
}
