//! Where a value comes from: said in messages, and shown by `config explain`.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::label::Label;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of the command line.
    Flag(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// The project file.
    Project(Line),
    /// A context of the user file.
    Context(Label, Line),
    /// The user file, outside its contexts.
    User(Line),
    /// Nobody said anything.
    Default,
}

/// A line of a file, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The file.
    pub file: Arc<Path>,
    /// The line's number.
    pub number: usize,
}

/// A value, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<T> Given<T> {
    /// A value with its origin.
    pub(crate) fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}

impl Origin {
    /// The kind of it, as programs are told.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Variable(_) => "variable",
            Self::Project(_) => "project_file",
            Self::Context(..) => "context",
            Self::User(_) => "user_file",
            Self::Default => "default",
        }
    }

    /// The flag, the variable or the context it is; a file has no name but its path.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Flag(name) | Self::Variable(name) => Some(name),
            Self::Context(name, _) => Some(name.as_str()),
            Self::Project(_) | Self::User(_) | Self::Default => None,
        }
    }

    /// The line of the file it stands in.
    pub(crate) fn line(&self) -> Option<&Line> {
        match self {
            Self::Project(line) | Self::Context(_, line) | Self::User(line) => Some(line),
            Self::Flag(_) | Self::Variable(_) | Self::Default => None,
        }
    }

    /// Where to look when the value is wrong: the flag, the variable, or the line of a file.
    pub(crate) fn place(&self) -> String {
        match self.line() {
            Some(line) => line.to_string(),
            None => self.to_string(),
        }
    }

    /// The folder that a path which was written there starts from.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.line().and_then(|line| line.file.parent()).map(Path::to_owned)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => formatter.write_str(name),
            Self::Context(name, line) => write!(formatter, "context {name}, {line}"),
            Self::Project(line) | Self::User(line) => line.fmt(formatter),
            Self::Default => formatter.write_str("default"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file.display(), self.number)
    }
}
