//! The world the command runs in: its input, its two outputs, which of them are terminals, and the environment. The real one,
//! or one in memory for tests.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, BufRead, BufReader, Cursor, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::output::Sink;

/// Everything the command touches besides the network and the files it is told to.
pub struct Console {
    pub(crate) stdin: Option<Box<dyn BufRead + Send>>,
    pub(crate) stdout: Arc<dyn Sink>,
    pub(crate) stderr: Arc<dyn Sink>,
    pub(crate) terminals: Terminals,
    pub(crate) environment: Environment,
    /// Whether these are the process's own streams: then a line editor can be used, and a closed pipe noticed while idle.
    pub(crate) is_process: bool,
}

/// Which streams are terminals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terminals {
    /// The input.
    pub stdin: bool,
    /// Where data goes.
    pub stdout: bool,
    /// Where everything else goes.
    pub stderr: bool,
}

/// The environment variables and the folder one works in, read once.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Those whose value is no text.
    unreadable: Vec<String>,
    folder: Option<PathBuf>,
}

impl fmt::Debug for Environment {
    /// The names alone: there may be secrets in it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.variables.keys()).finish()
    }
}

impl Console {
    /// The process's own streams and environment.
    pub fn of_process() -> Self {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        Self {
            terminals: Terminals {
                stdin: stdin.is_terminal(),
                stdout: stdout.is_terminal(),
                stderr: stderr.is_terminal(),
            },
            stdin: Some(Box::new(BufReader::new(stdin))),
            stdout: Arc::new(Stream(Mutex::new(stdout))),
            stderr: Arc::new(Stream(Mutex::new(stderr))),
            environment: Environment {
                variables: std::env::vars_os()
                    .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
                    .collect(),
                unreadable: std::env::vars_os()
                    .filter(|(_, value)| value.to_str().is_none())
                    .filter_map(|(key, _)| key.into_string().ok())
                    .collect(),
                folder: std::env::current_dir().ok(),
            },
            is_process: true,
        }
    }

    /// Streams in memory, none of them a terminal, and an environment of just these variables; `PWD` is the folder one works in,
    /// and without it there is none.
    pub fn in_memory<'a>(
        input: impl Into<Vec<u8>>,
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> (Self, Captured) {
        let captured = Captured::default();
        let variables: BTreeMap<String, String> =
            environment.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let folder = variables.get("PWD").map(PathBuf::from);
        let console = Self {
            stdin: Some(Box::new(Cursor::new(input.into()))),
            stdout: Arc::new(Stream(Mutex::new(captured.stdout.clone()))),
            stderr: Arc::new(Stream(Mutex::new(captured.stderr.clone()))),
            terminals: Terminals::default(),
            environment: Environment { variables, unreadable: Vec::new(), folder },
            is_process: false,
        };
        (console, captured)
    }
}

impl Environment {
    /// The value of a variable; an empty one counts as not set.
    pub fn var(&self, key: &str) -> Option<&str> {
        self.variables.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The names of the variables whose value is no text.
    pub(crate) fn unreadable(&self) -> impl Iterator<Item = &str> {
        self.unreadable.iter().map(String::as_str)
    }

    /// The names of all variables that are set.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The folder one works in, in which and above which a project file is looked for.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Whether a terminal can do more than print. One that does not say what it is cannot.
    pub(crate) fn terminal_is_able(&self) -> bool {
        self.var("TERM").is_some_and(|term| !matches!(term, "dumb" | "cons25" | "emacs"))
    }
}

/// What a command in memory wrote.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    stdout: Memory,
    stderr: Memory,
}

impl Captured {
    /// What is on the standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What is on the standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }
}

#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that writes each text whole and at once.
struct Stream<W>(Mutex<W>);

impl<W: Write + Send> Sink for Stream<W> {
    fn write_text(&self, text: &str) -> io::Result<()> {
        self.write_bytes(text.as_bytes())
    }

    fn write_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(bytes)?;
        stream.flush()
    }
}
