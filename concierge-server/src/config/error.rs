//! Why a configuration is not accepted, and where what it says comes from.

use std::fmt;
use std::path::PathBuf;

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Source {
    /// Nobody said anything.
    #[default]
    Default,
    /// A text that the embedding program gave.
    Text,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("by default"),
            Self::Text => formatter.write_str("in the configuration"),
            Self::File(path) => write!(formatter, "in the file {}", path.display()),
            Self::Variable(name) => write!(formatter, "in the variable {name}"),
            Self::Flag(flag) => write!(formatter, "in the flag {flag}"),
        }
    }
}

/// Why a configuration is not accepted. Each message is a sentence that says what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A text is not TOML.
    #[error("not TOML {origin}, line {line}: {problem}")]
    Syntax {
        /// Where the text comes from.
        origin: Source,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such setting.
    #[error("unknown key `{key}` {origin}{}", suggestion(*nearest))]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it was given.
        origin: Source,
        /// The key that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A value is not one of its setting's.
    #[error("`{key}` {origin}: {problem}")]
    InvalidValue {
        /// The setting.
        key: &'static str,
        /// Where it was given.
        origin: Source,
        /// What was expected.
        problem: String,
    },
    /// A setting is unsafe or contradicts another one.
    #[error("`{key}` {origin}: {problem}")]
    Refused {
        /// The setting.
        key: &'static str,
        /// Where it was given.
        origin: Source,
        /// What is wrong, and what to change.
        problem: String,
    },
}

fn suggestion(nearest: Option<&'static str>) -> String {
    nearest.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}
