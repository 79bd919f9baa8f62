//! The language of the REPL and of scripts: what a line says. Pure: text in, statements out; what they do is in `interpreter/`.

mod command;
mod condition;
mod home;
mod keyword;
mod short;
mod stage;
mod statement;
mod unfinished;
mod variables;

pub(crate) use command::{Request, as_typed_here, read_command, read_send};
pub(crate) use condition::Condition;
pub(crate) use home::Home;
pub(crate) use short::ShortForm;
pub(crate) use stage::{Redirection, Stage};
pub(crate) use statement::{Assigned, Head, Line, Pipeline, Statement, parse};
pub(crate) use unfinished::{Unfinished, is_open};
pub(crate) use variables::{Variables, as_text};

use crate::{failure::Failure, grammar::SplitError};

/// Why a line does not split, for whoever typed it.
fn unsplit(error: &SplitError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        SplitError::OpenQuote { .. } => failure.hint("close the quote, or put a backslash before it"),
        _ => failure,
    }
}
