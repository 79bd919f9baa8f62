//! A folder for held sessions, commands that use them, and the end of every session with the test.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{
    fmt, fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio},
    sync::Mutex,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::schemas;

/// A user's sessions.
pub(crate) struct Sessions {
    home: TempDir,
    url: String,
    begun: Mutex<Vec<i32>>,
}

/// What a command of the real program did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A stream of records of a command that goes on. It is killed with the test.
pub(crate) struct Stream {
    child: Child,
    records: BufReader<ChildStdout>,
    told: BufReader<ChildStderr>,
}

impl Sessions {
    pub(crate) fn at(url: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::DirBuilder::new().mode(0o700).create(home.path().join("run")).unwrap();
        Self { home, url: url.to_owned(), begun: Mutex::default() }
    }

    /// The folder with the sockets.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.path().join("run/concierge")
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.home.path().join("state/concierge/hold").join(format!("{name}.log"))
    }

    /// The program, with these sessions and no other settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_concierge"));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("CONCIERGE_") {
                command.env_remove(variable);
            }
        }
        command
            .args(arguments)
            .env("XDG_RUNTIME_DIR", self.home.path().join("run"))
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .env("CONCIERGE_URL", &self.url)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output().unwrap())
    }

    /// Runs a command on the session `bot`.
    pub(crate) fn on_bot(&self, arguments: &[&str]) -> Done {
        self.run(&[&["--session", "bot"], arguments].concat())
    }

    /// Holds a session, and gives how it stands.
    pub(crate) fn hold(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[&["--json", "hold"], arguments].concat());
        assert_eq!(done.code, Some(0), "{done:?}");
        let record = done.record();
        self.begun.lock().unwrap().push(pid(&record));
        record
    }

    /// Starts a command that prints records as they come.
    pub(crate) fn stream(&self, arguments: &[&str]) -> Stream {
        let mut child = self
            .command(&[&["--json"], arguments].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let records = BufReader::new(child.stdout.take().unwrap());
        let told = BufReader::new(child.stderr.take().unwrap());
        Stream { child, records, told }
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        for pid in self.begun.get_mut().unwrap() {
            // Only one whose arguments say that it is a session of a test: its number may be another's by now.
            let is_ours = fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|arguments| arguments.ends_with(b"\0--detached\0"));
            if is_ours && let Some(pid) = Pid::from_raw(*pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// The process that holds a session.
pub(crate) fn pid(record: &Value) -> i32 {
    i32::try_from(record["pid"].as_i64().unwrap()).unwrap()
}

/// Ends a process without a word, and waits until it is gone.
pub(crate) fn kill(record: &Value) {
    let pid = Pid::from_raw(pid(record)).unwrap();
    let handle = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    let mut gone = [rustix::event::PollFd::new(&handle, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut gone, None).unwrap();
}

impl Done {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The only record it wrote.
    pub(crate) fn record(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        read(&self.stdout)
    }

    /// It did what it was asked.
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

impl Stream {
    /// The first record of this type, from here on, as it was written.
    pub(crate) fn see_line(&mut self, kind: &str) -> String {
        first(&mut self.records, kind)
    }

    /// The first record of this type beside its data, from here on.
    pub(crate) fn see_told(&mut self, kind: &str) -> Value {
        read(&first(&mut self.told, kind))
    }

    /// Waits until it hears messages, which this sends.
    pub(crate) fn begins_to_hear(&mut self, send: impl Fn()) {
        std::thread::scope(|scope| {
            let hearing = scope.spawn(|| self.see_line("MESSAGE"));
            while !hearing.is_finished() {
                send();
            }
        });
    }

    /// Interrupts it, and waits for its end.
    pub(crate) fn interrupt(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end, and gives its exit code and what it told.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut stderr = String::new();
        self.told.read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }
}

/// A record as the program describes it.
fn read(line: &str) -> Value {
    let record = serde_json::from_str(line).unwrap();
    schemas::check(&record);
    record
}

fn first(records: &mut impl BufRead, kind: &str) -> String {
    let wanted = format!("\"type\":\"{kind}\"");
    loop {
        let mut line = String::new();
        assert_ne!(records.read_line(&mut line).unwrap(), 0, "it has ended");
        if line.contains(&wanted) {
            return line;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Stream").finish_non_exhaustive()
    }
}
