//! The `concierge` command: [`run`] is the whole program, from arguments to exit code, on a [`Console`] that may be in memory.

mod args;
mod command;
mod completion;
mod connect;
mod console;
mod descriptors;
mod early;
mod embedded;
mod exit;
mod failure;
mod grammar;
mod help;
mod hints;
mod hold;
mod identity;
mod input;
mod interpreter;
mod language;
mod link;
mod offspring;
mod output;
mod program;
mod repl;
mod script;
mod sessions;
mod settings;
mod signals;
mod suggest;
mod usage;

pub use console::{Captured, Console, Environment, Terminals};
pub use exit::Exit;
pub use output::Sink;
pub use program::run;
